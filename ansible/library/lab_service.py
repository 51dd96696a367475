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
    before its program or one of its files was written, and waits until it is ready. Three tasks would take three times
      as long.
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
  restart:
    description: >-
      Whether a unit that runs since before its program or one of its files was written is restarted. If not, C(stale) tells of it: units
      that are one with those of other machines are restarted one after the other, by a second task.
    type: bool
    default: true
  replicas:
    description: >-
      How many replicas of the chat log have to have all of it, by the metrics beside C(ready), before the unit is restarted and
      after it has been: the others go on meanwhile.
    type: int
  settled:
    description: A shell command that succeeds once the unit, when it has been started, is one with those of other machines.
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
stale:
  description: Whether the unit has to be restarted, and was not, as C(restart) is not set.
  type: bool
  returned: always
"""

import re
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


def needed(module, files):
    """What has to be done to the unit: start, restart or nothing; and whether it is enabled."""
    state = show(module.params["unit"])
    verb = "restart" if stale(state, files) else None if runs(state) else "start"
    return verb, state.get("UnitFileState") == "enabled", state.get("NeedDaemonReload") == "yes"


def run(module, verb, enabled, reload):
    """Enable the unit, and start or restart it."""
    unit = module.params["unit"]
    if reload:
        systemctl(module, "daemon-reload")
    if not enabled:
        systemctl(module, "--quiet", "enable", unit)
    if verb == "restart":
        redundant(module, restarted=False)
    if verb:
        systemctl(module, verb, unit)


def answer(address, path, most=200):
    """What the ops listener answers: a status and the beginning of the body."""
    try:
        from http.client import HTTPConnection, HTTPException
    except ImportError:
        from httplib import HTTPConnection, HTTPException
    connection = HTTPConnection(address, timeout=3)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(most).decode("utf-8", "replace").strip()
    except (OSError, IOError, HTTPException) as e:
        return 0, str(e)
    finally:
        connection.close()


def wait(module):
    """Wait until the service is ready, or fail with what it said last."""
    address, end = module.params["ready"], time.time() + module.params["timeout"]
    while True:
        status, text = answer(address, "/readyz")
        if status == 200:
            return
        if time.time() >= end:
            module.fail_json(msg="%s is not ready after %d s: http://%s/readyz: %s: journalctl -u %s" % (
                module.params["unit"], module.params["timeout"], address, text or status, module.params["unit"]))
        time.sleep(PAUSE)


def replicas(address, which="current"):
    """How many replicas have all of the chat log, or are expected to; 0 when none can be asked, and None when the unit does not answer."""
    status, text = answer(address, "/metrics", 1 << 20)
    found = re.search(r"^chatlab_chatlog_replicas_%s (\d+)" % which, text, re.M)
    return None if status != 200 or not found else int(found.group(1))


def redundant(module, restarted):
    """Wait until the service can bear that this unit, or the next one, stops. One that serves nobody has nothing to lose."""
    wanted, end = module.params["replicas"], time.time() + module.params["timeout"]
    if wanted and not restarted:  # one that was alone has no others to wait for
        wanted = min(wanted, replicas(module.params["ready"], "expected") or wanted)
    while wanted:
        found = replicas(module.params["ready"])
        if (found or 0) >= wanted or (found is None and not restarted):
            return
        if time.time() >= end:
            if not found and not restarted:
                return
            module.fail_json(msg="%s: %d of %d replicas of the chat log have all of it %s it was restarted: with one less there may be no"
                             " chat: start the other chat servers, or see why they lag"
                             % (module.params["unit"], found or 0, wanted, "after" if restarted else "before"))
        time.sleep(PAUSE)


def settle(module):
    """Wait until the command succeeds, or fail with what it said last."""
    end = time.time() + module.params["timeout"]
    while True:
        process = subprocess.Popen(["/bin/sh", "-c", module.params["settled"]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = process.communicate()[0].decode("utf-8", "replace")
        if process.returncode == 0:
            return
        if time.time() >= end:
            module.fail_json(msg="%s is not one with those of the other machines after %d s: %s: journalctl -u %s" % (
                module.params["unit"], module.params["timeout"], " ".join(said.split()) or "no answer", module.params["unit"]))
        time.sleep(PAUSE)


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec=dict(FILES, unit={"type": "str", "required": True}, ready={"type": "str"},
                           restart={"type": "bool", "default": True}, replicas={"type": "int"}, settled={"type": "str"},
                           timeout={"type": "int", "default": 60}),
        required_by={"replicas": "ready"},
        supports_check_mode=True,
    )
    files = (module.params["files"] or []) + (module.params["secrets"] or [])
    paths = put(module, files)
    verb, enabled, reload = needed(module, files)
    waits = verb == "restart" and not module.params["restart"]
    if waits:
        verb = None
    if not module.check_mode:
        run(module, verb, enabled, reload or any(path.startswith("/etc/systemd/") for path in paths))
    if module.params["ready"] and not module.check_mode and not waits:
        wait(module)
    if verb and not module.check_mode:
        if module.params["settled"]:
            settle(module)
        if verb == "restart":
            redundant(module, restarted=True)
    module.exit_json(changed=bool(paths or verb) or not enabled, paths=paths, stale=waits)


if __name__ == "__main__":
    main()
