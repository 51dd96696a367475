#!/usr/bin/python
"""Make a deployment's secrets, on the controller."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: lab_secrets
short_description: Make the keys, passwords and certificates of one deployment
description:
  - Makes what lacks or ends soon, and keeps what is good. The same files in the same form as C(lab up) makes.
    One task, where community.crypto needs three for each certificate, which is most of a play's time.
options:
  path:
    description: The folder; it and its files are for their owner only.
    type: path
    required: true
  random:
    description: Files of a random line each, 264 bits in base64url - a signing key, or a password.
    type: list
    elements: str
    default: []
  certificates:
    description: Each has C(name), for NAME.pem and NAME.key, and C(names), the hosts and addresses it stands for.
    type: list
    elements: dict
    default: []
  renew:
    description: Whether to make every certificate anew; the authority stays.
    type: bool
    default: false
author: chatlab
"""

RETURN = r"""
made:
  description: What was, or in check mode would be, made.
  type: list
  returned: always
"""

import base64
import datetime
import ipaddress
import os

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    HAS_CRYPTOGRAPHY = True
except ImportError:
    HAS_CRYPTOGRAPHY = False

# How long certificates are valid, and how long before their end they are made anew.
AUTHORITY_DAYS, AUTHORITY_RENEWAL = 3650, 400
LEAF_DAYS, LEAF_RENEWAL = 365, 60
SKEW = datetime.timedelta(hours=1)  # clocks of other machines may be late


def put(path, content):
    """Write a file for its owner only, complete or not at all."""
    temporary = path + ".new"
    if os.path.exists(temporary):
        os.unlink(temporary)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as f:
        f.write(content)
        f.flush()
        os.fsync(f.fileno())
    os.rename(temporary, path)


def load(folder, name):
    """The certificate and the key of a pair that belong together, or None."""
    try:
        with open(os.path.join(folder, name + ".pem"), "rb") as f:
            certificate = x509.load_pem_x509_certificate(f.read())
        with open(os.path.join(folder, name + ".key"), "rb") as f:
            key = serialization.load_pem_private_key(f.read(), None)
    except (IOError, OSError, ValueError):
        return None
    if certificate.public_key().public_numbers() != key.public_key().public_numbers():
        return None
    return certificate, key


def ends_within(certificate, days):
    """Whether a certificate has fewer days left."""
    return certificate.not_valid_after - datetime.datetime.utcnow() < datetime.timedelta(days=days)


def names_of(certificate):
    """The hosts and addresses that a certificate stands for."""
    try:
        value = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return set(value.get_values_for_type(x509.DNSName)) | set(str(a) for a in value.get_values_for_type(x509.IPAddress))


def signed_by(certificate, authority):
    """Whether an authority's key signed a certificate."""
    try:
        authority.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes,
                                      ec.ECDSA(certificate.signature_hash_algorithm))
    except Exception:  # whatever is wrong with it, it will not do
        return False
    return True


def general_name(text):
    """A host name or an address as a certificate holds it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def builder(name, key, days):
    """What authority and other certificates have in common."""
    now = datetime.datetime.utcnow()
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, u"chatlab"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return subject, (x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
                     .serial_number(x509.random_serial_number())
                     .not_valid_before(now - SKEW).not_valid_after(now + datetime.timedelta(days=days)))


def usage(**yes):
    """A key usage of the named bits only."""
    bits = dict.fromkeys(["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                          "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"], False)
    bits.update(yes)
    return x509.KeyUsage(**bits)


def store(folder, name, certificate, key):
    """Write a pair; the key first, so that a torn pair does not look good."""
    put(os.path.join(folder, name + ".key"), key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    put(os.path.join(folder, name + ".pem"), certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def make_authority(folder):
    """Make and store a new authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject, draft = builder(u"chatlab lab CA", key, AUTHORITY_DAYS)
    certificate = (draft.issuer_name(subject)
                   .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                   .add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                   .sign(key, hashes.SHA256()))
    return store(folder, "ca", certificate, key)


def make_leaf(folder, name, names, authority):
    """Make and store a certificate for both sides of a connection."""
    signer, signing_key = authority
    key = ec.generate_private_key(ec.SECP256R1())
    _subject, draft = builder(name, key, LEAF_DAYS)
    certificate = (draft.issuer_name(signer.subject)
                   .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                   .add_extension(usage(digital_signature=True), critical=True)
                   .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
                   .add_extension(x509.SubjectAlternativeName([general_name(n) for n in names]), critical=False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
                   .sign(signing_key, hashes.SHA256()))
    store(folder, name, certificate, key)


def make(module):
    """Make what lacks; return the names of it."""
    folder, dry, made = module.params["path"], module.check_mode, []
    if not dry and not os.path.isdir(folder):
        os.makedirs(folder, 0o700)
    if not dry:
        os.chmod(folder, 0o700)
    for name in module.params["random"]:
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            made.append(name)
            if not dry:
                put(path, base64.urlsafe_b64encode(os.urandom(33)) + b"\n")
    authority = load(folder, "ca")
    if authority is None or ends_within(authority[0], AUTHORITY_RENEWAL):
        made.append("ca")
        authority = None if dry else make_authority(folder)
    for item in module.params["certificates"]:
        have = load(folder, item["name"])
        names = [str(n) for n in item["names"]]
        good = (have and authority and signed_by(have[0], authority[0]) and set(names) <= names_of(have[0])
                and not ends_within(have[0], LEAF_RENEWAL) and not module.params["renew"])
        if not good:
            made.append(item["name"])
            if not dry:
                make_leaf(folder, item["name"], names, authority)
    return made


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "random": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "certificates": {"type": "list", "elements": "dict", "default": []},
            "renew": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    if not HAS_CRYPTOGRAPHY:
        module.fail_json(msg=missing_required_lib("cryptography"))
    try:
        made = make(module)
    except (IOError, OSError) as e:
        module.fail_json(msg="secrets in %s: %s" % (module.params["path"], e))
    module.exit_json(changed=bool(made), made=made)


if __name__ == "__main__":
    main()
