#!/usr/bin/python
"""Rotate files of keys and passwords, on the controller."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: lab_rotate
short_description: Rotate keys and passwords of a deployment in two steps
description:
  - Each file holds one secret a line. Step C(add) puts a new one at the end, which services then know, but do not use.
  - Step C(use) puts it first. Of C(jwt.key) the two before stay below it, since tokens that they signed are about,
    even where one rotation follows another at once. Of other files what was before goes.
options:
  path:
    description: The folder.
    type: path
    required: true
  files:
    description: Names of the files in it.
    type: list
    elements: str
    required: true
  step:
    description: Which step.
    type: str
    choices: [add, use]
    required: true
author: chatlab
"""

RETURN = r"""#"""

import base64
import os

from ansible.module_utils.basic import AnsibleModule


def next_lines(name, lines, step):
    """The lines of a file after a step. A run that ended between the steps may be begun again."""
    secrets = [line for line in lines if line and not line.startswith("#")]
    if step == "add":
        return secrets + [base64.urlsafe_b64encode(os.urandom(33)).decode()]
    keep = secrets[:-1][:2] if name == "jwt.key" else []
    return secrets[-1:] + keep


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "files": {"type": "list", "elements": "str", "required": True},
            "step": {"type": "str", "choices": ["add", "use"], "required": True},
        },
        supports_check_mode=True,
    )
    for name in module.params["files"]:
        path = os.path.join(module.params["path"], name)
        with open(path) as f:
            lines = f.read().splitlines()
        text = "\n".join(next_lines(name, lines, module.params["step"])) + "\n"
        if module.check_mode:
            continue
        handle = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as f:
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
        os.rename(path + ".new", path)
    module.exit_json(changed=bool(module.params["files"]))


if __name__ == "__main__":
    main()
