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

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lab_files import FILES, put, show, stale


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec=dict(FILES, unit={"type": "str"}),
        supports_check_mode=True,
        required_one_of=[("files", "secrets")],
    )
    files = (module.params["files"] or []) + (module.params["secrets"] or [])
    paths = put(module, files)
    unit = module.params["unit"]
    module.exit_json(changed=bool(paths), paths=paths, stale=bool(unit) and stale(show(unit), files))


if __name__ == "__main__":
    main()
