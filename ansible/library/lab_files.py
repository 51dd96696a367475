#!/usr/bin/python
"""Write several files in one go."""
# Python 2.7 of CentOS 7 runs this, too.
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: lab_files
short_description: Write several small files in one round trip
description:
  - Does for a list of files what M(ansible.builtin.copy) does for one, each complete or not at all.
    A task of its own for each of them would take most of a play's time.
  - Tells, for a unit, whether it runs since before one of the files was written.
options:
  files:
    description: >-
      Each has C(path), C(content), C(mode), and may have C(owner) and C(group) (root) and C(live), which
      says that the unit follows the file without a restart. Parent folders that lack are made, 0755.
    type: list
    elements: dict
  secrets:
    description: As C(files); their C(content) is shown in no output and no log.
    type: list
    elements: dict
    suboptions:
      path: {type: path, required: true, description: Of the file.}
      content: {type: str, required: true, description: Of the file.}
      mode: {type: str, required: true, description: Octal digits.}
      owner: {type: str, description: A user's name.}
      group: {type: str, description: A group's name.}
      live: {type: bool, description: Whether the unit follows the file.}
      src: {type: str, description: Not looked at.}
  unit:
    description: The systemd unit that reads the files.
    type: str
author: chatlab
"""

RETURN = r"""
paths:
  description: The files that were, or in check mode would be, written.
  type: list
  returned: always
stale:
  description: Whether the unit runs, and began to before a file that it reads only then was last written.
  type: bool
  returned: always
"""

import grp
import os
import pwd
import subprocess
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule


def wanted(item):
    """Content and attributes that a file has to have."""
    owner, group = item.get("owner") or "root", item.get("group") or "root"
    return item["content"].encode("utf-8"), int(item["mode"], 8), owner, group


def differs(item):
    """Whether a file lacks, or is another."""
    content, mode, owner, group = wanted(item)
    path = item["path"]
    if os.path.islink(path) or not os.path.isfile(path):
        return True
    info = os.stat(path)
    try:
        ids = (pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid)
    except KeyError:
        return True
    if (info.st_mode & 0o7777, info.st_uid, info.st_gid) != (mode,) + ids:
        return True
    with open(path, "rb") as f:
        return f.read() != content


def write(item):
    """Put a file in the place of another."""
    content, mode, owner, group = wanted(item)
    folder = os.path.dirname(item["path"])
    if not os.path.isdir(folder):
        os.makedirs(folder, 0o755)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".lab_files-")
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(content)
            f.flush()
            os.fsync(f.fileno())
        os.chown(temporary, pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid)
        os.chmod(temporary, mode)
        os.rename(temporary, item["path"])
    except Exception:
        os.unlink(temporary)
        raise


def began(unit):
    """When a unit last became active, in seconds on the clock of files; None where it does not run."""
    out = subprocess.check_output(["systemctl", "show", "--property", "ActiveState,ActiveEnterTimestampMonotonic", unit])
    values = dict(line.split("=", 1) for line in out.decode().splitlines() if "=" in line)
    if values.get("ActiveState") not in ("active", "activating", "reloading"):
        return None
    with open("/proc/uptime") as f:
        uptime = float(f.read().split()[0])
    return time.time() - uptime + int(values.get("ActiveEnterTimestampMonotonic") or 0) / 1e6


def stale(module, files):
    """Whether the module's unit runs with older files than there are."""
    if not module.params["unit"]:
        return False
    since = began(module.params["unit"])
    if since is None:
        return False
    fixed = [item["path"] for item in files if not item.get("live")]
    return any(not os.path.exists(path) or os.stat(path).st_mtime > since for path in fixed)


SECRET = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str", "required": True, "no_log": True},
    "mode": {"type": "str", "required": True},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "live": {"type": "bool"},
    "src": {"type": "str"},
}


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict"},
            "secrets": {"type": "list", "elements": "dict", "options": SECRET, "no_log": False},
            "unit": {"type": "str"},
        },
        supports_check_mode=True,
        required_one_of=[("files", "secrets")],
    )
    files = (module.params["files"] or []) + (module.params["secrets"] or [])
    paths = [item["path"] for item in files if differs(item)]
    if not module.check_mode:
        for item in files:
            if item["path"] in paths:
                try:
                    write(item)
                except (IOError, OSError, KeyError) as e:
                    module.fail_json(msg="%s: %s" % (item["path"], e))
    module.exit_json(changed=bool(paths), paths=paths, stale=stale(module, files))


if __name__ == "__main__":
    main()
