#!/usr/bin/python
"""Stands in for the module lab_keys on a machine of Debian 11: it has no key of CentOS, and reaches no vendor."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: lab_keys
short_description: Take the options of lab_keys, and fetch nothing
description:
  - The packages of the rehearsal come from Debian's own repositories, or over SSH.
author: chatlab
"""

RETURN = r"""#"""

from ansible.module_utils.basic import AnsibleModule


def main():
    """Refuse a key without a fingerprint, as the module does."""
    module = AnsibleModule(argument_spec={"keys": {"type": "list", "elements": "dict", "required": True, "no_log": False}}, supports_check_mode=True)
    for key in module.params["keys"]:
        if not (key["url"] and key["path"] and key["fingerprints"]):
            module.fail_json(msg="key %s has no fingerprint" % key["url"])
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
