#!/usr/bin/python
"""Fetch vendors' signing keys, and keep those that are known."""
# Python 2.7 of CentOS 7 runs this, too.
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: lab_keys
short_description: Install OpenPGP keys of repositories by their fingerprints
description:
  - Fetches files of OpenPGP keys, and writes the keys whose fingerprints are named; other keys of a file are left out.
    Whoever controls a vendor's web server, or the way to it, cannot have another key trusted. No gpg is needed.
options:
  keys:
    description: Each has C(url), C(path), and C(fingerprints), 40 hexadecimal digits each.
    type: list
    elements: dict
    required: true
author: chatlab
"""

RETURN = r"""
paths:
  description: The files that were, or in check mode would be, written.
  type: list
  returned: always
"""

import base64
import binascii
import hashlib
import struct

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import to_bytes, to_native
from ansible.module_utils.lab_files import put
from ansible.module_utils.urls import open_url

PUBLIC_KEY = 6  # the tag of a primary key's packet, with which each key of a file begins
HEAD, FOOT = b"-----BEGIN PGP PUBLIC KEY BLOCK-----", b"-----END PGP PUBLIC KEY BLOCK-----"


def binary(text):
    """The packets of a file, whose armor may be missing."""
    if HEAD not in text:
        return text
    packets = b""
    for block in text.replace(b"\r", b"").split(HEAD)[1:]:
        body = block.split(FOOT)[0].split(b"\n\n", 1)[1]
        packets += base64.b64decode(b"".join(line for line in body.split(b"\n") if not line.startswith(b"=")))
    return packets


def length(data, at):
    """The length of a packet of the new format at a position, and where its body begins."""
    first = data[at]
    if first < 192:
        return first, at + 1
    if first < 224:
        return ((first - 192) << 8) + data[at + 1] + 192, at + 2
    if first == 255:
        return struct.unpack(">I", bytes(data[at + 1:at + 5]))[0], at + 5
    raise ValueError("a packet of partial length")


def packets(text):
    """Each packet's tag, body and whole."""
    data, at = bytearray(text), 0
    while at < len(data):
        begin, head = at, data[at]
        if not head & 0x80:
            raise ValueError("no OpenPGP packet at byte %d" % at)
        if head & 0x40:
            tag = head & 0x3F
            size, at = length(data, at + 1)
        else:
            tag, form = (head >> 2) & 0x0F, head & 0x03
            if form == 3:
                raise ValueError("a packet of no length")
            width = 1 << form
            size = int(binascii.hexlify(bytes(data[at + 1:at + 1 + width])), 16)
            at += 1 + width
        yield tag, bytes(data[at:at + size]), bytes(data[begin:at + size])
        at += size


def keys_of(text):
    """The keys of a file by their fingerprints, each with its packets."""
    found, now = {}, None
    for tag, body, whole in packets(binary(text)):
        if tag == PUBLIC_KEY:
            if bytearray(body[:1])[0] != 4:
                raise ValueError("a key of another version than 4")
            now = hashlib.sha1(b"\x99" + struct.pack(">H", len(body)) + body).hexdigest().upper()
            found[now] = b""
        if now:
            found[now] += whole
    return found


def checksum(data):
    """The CRC of an armor (RFC 4880, 6.1), which the rpm of CentOS 7 asks for."""
    crc = 0xB704CE
    for byte in bytearray(data):
        crc ^= byte << 16
        for _bit in range(8):
            crc = (crc << 1) ^ (0x1864CFB if crc & 0x800000 else 0)
    return struct.pack(">I", crc & 0xFFFFFF)[1:]


def armored(data):
    """Packets as a file that apt and rpm take."""
    text = base64.b64encode(data)
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return b"\n".join([HEAD, b""] + lines + [b"=" + base64.b64encode(checksum(data)), FOOT, b""])


def known(text, fingerprints, url):
    """The file of the keys that are named."""
    wanted = [f.replace(" ", "").upper() for f in fingerprints]
    found = keys_of(text)
    kept = [found[f] for f in wanted if f in found]
    if not kept:
        raise ValueError("%s has the keys %s, and none of %s: if its vendor has announced a new key, name its fingerprint in the profile"
                         % (url, ", ".join(sorted(found)) or "none", ", ".join(wanted)))
    return armored(b"".join(kept))


def settled(path, fingerprints):
    """Whether a file holds keys that are named and no others, so that nothing is fetched."""
    try:
        with open(path, "rb") as f:
            found = set(keys_of(f.read()))
    except (IOError, OSError, ValueError, IndexError):
        return False
    return bool(found) and found <= set(f.replace(" ", "").upper() for f in fingerprints)


def main():
    """Run the module."""
    module = AnsibleModule(argument_spec={"keys": {"type": "list", "elements": "dict", "required": True, "no_log": False}}, supports_check_mode=True)
    files = []
    for key in module.params["keys"]:
        if settled(key["path"], key["fingerprints"]):
            continue
        try:
            text = known(to_bytes(open_url(key["url"], timeout=60).read()), key["fingerprints"], key["url"])
        except Exception as err:  # its text, not a trace: the trace would be all that is seen
            module.fail_json(msg="key %s: %s" % (key["url"], to_native(err)))
        files.append({"path": key["path"], "content": to_native(text), "mode": "0644", "owner": None, "group": None, "live": None})
    paths = put(module, files)
    module.exit_json(changed=bool(paths), paths=paths)


if __name__ == "__main__":
    main()
