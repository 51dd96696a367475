#!/usr/bin/python
"""Stands in for the module yum on a machine of Debian 11 that calls itself CentOS 7; runs under its Python 2.7."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: yum
short_description: Install the lab's RPMs with rpm, and Debian's packages for all others
description:
  - Takes the options that the roles give to M(ansible.builtin.yum). A package that PACKAGES does not know is an error, as yum's would be.
author: chatlab
"""

RETURN = r"""
results:
  description: The ends of what the programs printed.
  type: list
  returned: always
"""

import os
import re
import subprocess

from ansible.module_utils.basic import AnsibleModule

# Debian's packages for those of CentOS and the vendors.
PACKAGES = {
    "chrony": ["chrony"],
    "firewalld": ["firewalld"],
    "galera-4": ["galera-4"],
    "keepalived": ["keepalived"],
    "lsof": ["lsof"],
    "MariaDB-client": ["mariadb-client"],
    "MariaDB-common": [],
    "MariaDB-compat": [],
    "MariaDB-server": ["mariadb-server"],
    "rh-php72-php-cli": ["php-cli"],
    "rsync": ["rsync"],
    "zabbix-agent": ["zabbix-agent"],
    "zabbix-nginx-conf-scl": ["nginx-light"],
    "zabbix-server-mysql": ["zabbix-server-mysql"],
    "zabbix-web-mysql-scl": ["zabbix-frontend-php", "php-fpm", "php-mysql"],
}

RELEASE = "/etc/centos-release"
LAST_RELEASE = "CentOS Linux release 7.9.2009 (Core)\n"
APT = ["apt-get", "--quiet", "--yes", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold"]


class Packages(object):
    """What one call changes."""

    def __init__(self, module):
        self.module, self.changed, self.results = module, False, []

    def run(self, command):
        """Run a program that changes the machine."""
        self.changed = True
        if self.module.check_mode:
            return
        env = dict(os.environ, DEBIAN_FRONTEND="noninteractive", LC_ALL="C")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
        said = process.communicate()[0].decode("utf-8", "replace")[-1500:]
        self.results.append(said)
        if process.returncode != 0:
            self.module.fail_json(msg="%s: %s" % (" ".join(command[:3]), said), rc=process.returncode)

    def update(self):
        """Bring the system to its last release."""
        with open(RELEASE) as f:
            if f.read() == LAST_RELEASE:
                return
        self.changed = True
        if not self.module.check_mode:
            with open(RELEASE, "w") as f:
                f.write(LAST_RELEASE)

    def install(self, names):
        """Install packages, of files and of repositories."""
        files = [name for name in names if name.startswith("/") and not installed(full_name(name))]
        debian = [package for name in names if not name.startswith("/") for package in self.debian(name)]
        lacking = [package for package in debian if not set_up(package)]
        if lacking:
            self.run(APT + ["--no-install-recommends", "install"] + lacking)
        if files:
            self.run(["rpm", "--upgrade", "--nodeps"] + files)

    def remove(self, names):
        """Remove the lab's packages."""
        names = [name for name in names if installed(name)]
        if names:
            self.run(["rpm", "--erase", "--nodeps"] + names)

    def debian(self, name):
        """Debian's packages for one of CentOS."""
        base = re.sub(r"-\d[^-]*$", "", name)
        found = PACKAGES.get(name, PACKAGES.get(base))
        if found is None:
            self.module.fail_json(msg="No package matching '%s' found available, installed or updated" % name)
        return found


def set_up(package):
    """Whether dpkg has a package."""
    command = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}", package]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return process.communicate()[0] == b"installed"


def installed(name):
    """Whether rpm has a package."""
    with open(os.devnull, "w") as null:
        return subprocess.call(["rpm", "--query", "--quiet", name], stdout=null, stderr=null) == 0


def full_name(path):
    """The name, version and release of an RPM."""
    return subprocess.check_output(["rpm", "--query", "--package", "--queryformat", "%{NAME}-%{VERSION}-%{RELEASE}", path]).decode()


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "default": "present", "choices": ["present", "latest", "absent"]},
            "disablerepo": {"type": "list", "elements": "str"},
            "enablerepo": {"type": "list", "elements": "str"},
            "update_cache": {"type": "bool"},
            "disable_gpg_check": {"type": "bool"},
            "lock_timeout": {"type": "int"},
        },
        supports_check_mode=True,
    )
    packages = Packages(module)
    if module.params["state"] == "absent":
        packages.remove(module.params["name"])
    elif module.params["name"] == ["*"]:
        packages.update()
    else:
        packages.install(module.params["name"])
    module.exit_json(changed=packages.changed, results=packages.results)


if __name__ == "__main__":
    main()
