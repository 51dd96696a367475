"""Small files, complete or not at all, and the units that read them: for lab_files and lab_service."""
# Python 2.7 of CentOS 7 runs this, too.
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import grp
import os
import pwd
import subprocess
import tempfile
import time

from ansible.module_utils.common.text.converters import to_bytes


def wanted(item):
    """Content and attributes that a file has to have."""
    owner, group = item.get("owner") or "root", item.get("group") or "root"
    return to_bytes(item["content"]), int(item["mode"], 8), owner, group


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


def put(module, files):
    """Write those that lack or differ, unless in check mode, and return their paths."""
    paths = [item["path"] for item in files if differs(item)]
    if not module.check_mode:
        for item in files:
            if item["path"] in paths:
                try:
                    write(item)
                except (IOError, OSError, KeyError) as e:
                    module.fail_json(msg="%s: %s" % (item["path"], e))
    return paths


SHOWN = "ActiveState,ActiveEnterTimestampMonotonic,MainPID,UnitFileState,NeedDaemonReload"


def show(unit):
    """What systemd says of a unit."""
    out = subprocess.check_output(["systemctl", "show", "--property", SHOWN, unit])
    return dict(line.split("=", 1) for line in out.decode().splitlines() if "=" in line)


def runs(state):
    """Whether a unit runs, by what show says."""
    return state.get("ActiveState") in ("active", "activating", "reloading")


def replaced(pid):
    """Whether a process runs a program that an upgrade has put another in the place of."""
    try:
        return os.readlink("/proc/%s/exe" % pid).endswith(" (deleted)")
    except OSError:  # 0 is no process; or it has ended
        return False


def stale(state, files):
    """Whether a unit runs, and began to before its program, or a file that it reads only then, was last written."""
    if not runs(state):
        return False
    if replaced(state.get("MainPID", "0")):
        return True
    with open("/proc/uptime") as f:
        uptime = float(f.read().split()[0])
    since = time.time() - uptime + int(state.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
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

FILES = {
    "files": {"type": "list", "elements": "dict"},
    "secrets": {"type": "list", "elements": "dict", "options": SECRET, "no_log": False},
}
