#!/usr/bin/python
"""Run a service with the files it reads."""
# Python 2.7 of CentOS 7 runs this, too.
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: lab_service
short_description: Write a service's files, run it with them, and wait until it is ready
description:
  - Writes files as M(lab_files) does, sees to it that a systemd unit is enabled and runs, restarts it when it runs since
    before one of its files was written, and waits until it is ready. Three tasks would take three times as long.
  - What it does follows from the machine, not from this run; an earlier one may have ended after it wrote a file and
    before it restarted the unit.
options:
  files:
    description: As M(lab_files) takes them.
    type: list
    elements: dict
  secrets:
    description: As M(lab_files) takes them.
    type: list
    elements: dict
  unit:
    description: The systemd unit that reads the files. It is told of a change of its own files below /etc/systemd.
    type: str
    required: true
  ready:
    description: C(host:port) of the service's HTTP listener that answers C(/readyz) with 200 when it serves. Not waited for if left out.
    type: str
  timeout:
    description: Seconds until it has to be ready.
    type: int
    default: 60
author: chatlab
"""

RETURN = r"""
paths:
  description: The files that were, or in check mode would be, written.
  type: list
  returned: always
"""

import subprocess
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lab_files import FILES, put, runs, show, stale

PAUSE = 0.2  # seconds between two questions


def systemctl(module, *args):
    """Run systemctl, or fail with what it says."""
    process = subprocess.Popen(("systemctl",) + args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out = process.communicate()[0].decode("utf-8", "replace")
    if process.returncode != 0:
        said = " ".join(out.split()) or "systemctl ended with %d" % process.returncode
        module.fail_json(msg="systemctl %s: %s" % (" ".join(args), said))


def run(module, files, paths):
    """Enable and start or restart the unit, and return whether something had to be done."""
    unit = module.params["unit"]
    state = show(unit)
    verb = "restart" if stale(state, files) else None if runs(state) else "start"
    enabled = state.get("UnitFileState") == "enabled"
    if not module.check_mode:
        if state.get("NeedDaemonReload") == "yes" or any(path.startswith("/etc/systemd/") for path in paths):
            systemctl(module, "daemon-reload")
        if not enabled:
            systemctl(module, "--quiet", "enable", unit)
        if verb:
            systemctl(module, verb, unit)
    return bool(verb) or not enabled


def answer(address):
    """What /readyz answers: a status and the body's first line."""
    try:
        from http.client import HTTPConnection, HTTPException
    except ImportError:
        from httplib import HTTPConnection, HTTPException
    connection = HTTPConnection(address, timeout=3)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        return response.status, response.read(200).decode("utf-8", "replace").strip()
    except (OSError, IOError, HTTPException) as e:
        return 0, str(e)
    finally:
        connection.close()


def wait(module):
    """Wait until the service is ready, or fail with what it said last."""
    address, end = module.params["ready"], time.time() + module.params["timeout"]
    while True:
        status, text = answer(address)
        if status == 200:
            return
        if time.time() >= end:
            module.fail_json(msg="%s is not ready after %d s: http://%s/readyz: %s: journalctl -u %s" % (
                module.params["unit"], module.params["timeout"], address, text or status, module.params["unit"]))
        time.sleep(PAUSE)


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec=dict(FILES, unit={"type": "str", "required": True}, ready={"type": "str"}, timeout={"type": "int", "default": 60}),
        supports_check_mode=True,
    )
    files = (module.params["files"] or []) + (module.params["secrets"] or [])
    paths = put(module, files)
    changed = run(module, files, paths)
    if module.params["ready"] and not module.check_mode:
        wait(module)
    module.exit_json(changed=bool(paths) or changed, paths=paths)


if __name__ == "__main__":
    main()
