#!/usr/bin/python
"""Have a Zabbix server watch the lab."""
# Python 2.7 of CentOS 7 runs this, too.
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: lab_zabbix
short_description: Import templates into Zabbix, register hosts, make a user that reads
description:
  - Brings templates, a host group and hosts of a Zabbix server, 5.0 to 7.0, to what is described.
    In one task, where community.zabbix needs a task and a connection for each template and each host, and
    tells a changed template only by exporting it.
options:
  url:
    description: Of the API, api_jsonrpc.php.
    type: str
    required: true
  user:
    description: Who signs in.
    type: str
    default: Admin
  password:
    description: The user's.
    type: str
    required: true
  templates:
    description: XML texts of Zabbix 5.0's format.
    type: list
    elements: str
    default: []
  stamp:
    description: A file that keeps what was imported last.
    type: path
  group:
    description: The group of the hosts.
    type: str
    required: true
  hosts:
    description: >-
      Each has C(name), C(address), C(port), C(templates) (their names), C(tls) (whether both sides show
      certificates), and may have C(macros), values by their names. Without it templates and hosts are left alone.
    type: list
    elements: dict
  reader:
    description: A user that may read the group and write nothing.
    type: str
  reader_password:
    description: That user's.
    type: str
  reader_token:
    description: The token that the user has; one that the server does not take is replaced.
    type: str
    default: ""
author: chatlab
"""

RETURN = r"""
done:
  description: What was, or in check mode would be, done.
  type: list
  returned: always
token:
  description: The reader's token, empty where the server has no tokens (before 5.4).
  type: str
  returned: always
"""

import hashlib
import json
import os
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import container_to_text, to_bytes, to_native, to_text
from ansible.module_utils.urls import open_url

WITH_CERTIFICATES = 4  # tls_connect, tls_accept: certificate
STOCK_HOST = "Zabbix server"  # has an agent at 127.0.0.1, where none is
READ = 2  # permission of a user group
PATIENCE = 60  # seconds for the web interface to come up


class Refused(Exception):
    """The API's own error."""


class API(object):
    """A signed-in session."""

    def __init__(self, url):
        self.url, self.token = url, None
        self.version = tuple(int(n) for n in self.first("apiinfo.version").split(".")[:2])

    def first(self, method):
        """The first call, which waits for the web interface."""
        deadline = time.time() + PATIENCE
        while True:
            try:
                return self.call(method, [])
            except Refused:
                raise
            except Exception:  # not up yet: refused, 502, no JSON
                if time.time() > deadline:
                    raise
                time.sleep(0.5)

    def call(self, method, params):
        """The result of a call."""
        request = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        headers = {"Content-Type": "application/json-rpc"}
        if self.token and self.version >= (6, 4):
            headers["Authorization"] = "Bearer " + self.token
        elif self.token:
            request["auth"] = self.token
        answer = json.loads(open_url(self.url, data=json.dumps(request), headers=headers, method="POST",
                                     timeout=120, use_proxy=False).read().decode("utf-8"))
        if "error" in answer:
            raise Refused(to_native("%s: %s %s" % (method, answer["error"]["message"], answer["error"]["data"])))
        return answer["result"]

    def sign_in(self, user, password):
        """Start the session."""
        name = "username" if self.version >= (5, 4) else "user"
        self.token = self.call("user.login", {name: user, "password": password})

    def sign_out(self):
        """End it."""
        self.call("user.logout", [])


def rules(version):
    """What an import may do: all but removing what users made."""
    both = {"createMissing": True, "updateExisting": True}
    ours = dict(both, deleteMissing=True)
    out = {"templates": both, "items": ours, "triggers": ours, "discoveryRules": ours, "valueMaps": both, "graphs": ours}
    if version >= (6, 2):
        out.update(template_groups={"createMissing": True}, host_groups={"createMissing": True})
    else:
        out.update(groups={"createMissing": True})
    if version < (5, 4):
        out.update(applications={"createMissing": True, "deleteMissing": True})
    return out


class Lab(object):
    """What the server is brought to."""

    def __init__(self, api, params, check_mode):
        self.api, self.params, self.check_mode = api, params, check_mode
        self.done = []

    def act(self, what, method, params):
        """Make a change, unless it is only looked at."""
        self.done.append(what)
        if not self.check_mode:
            return self.api.call(method, params)
        return None

    def import_templates(self, names):
        """Import all, when one of them is new or was removed."""
        texts = self.params["templates"]
        digest = hashlib.sha256(to_bytes("".join(texts))).hexdigest()
        found = self.api.call("template.get", {"filter": {"host": names}, "output": ["host"]})
        if len(found) == len(names) and read(self.params["stamp"]) == digest:
            return
        for text in texts:
            self.act("import a template", "configuration.import",
                     {"format": "xml", "source": text, "rules": rules(self.api.version)})
        if not self.check_mode:
            with open(self.params["stamp"], "w") as f:
                f.write(digest)

    def group(self):
        """The ID of the hosts' group."""
        found = self.api.call("hostgroup.get", {"filter": {"name": self.params["group"]}, "output": ["groupid"]})
        if found:
            return found[0]["groupid"]
        made = self.act("make the group", "hostgroup.create", {"name": self.params["group"]})
        return made["groupids"][0] if made else "0"

    def register(self, group):
        """Make hosts, and change those that differ."""
        found = {h["host"]: h for h in self.api.call("host.get", {
            "groupids": group, "output": ["host", "tls_connect", "tls_accept"], "selectMacros": ["macro", "value"],
            "selectInterfaces": ["interfaceid", "type", "ip", "port"], "selectParentTemplates": ["host"]})}
        ids = {t["host"]: t["templateid"] for t in self.api.call("template.get", {
            "filter": {"host": sorted({t for h in self.params["hosts"] for t in h["templates"]})}, "output": ["host"]})}
        for host in self.params["hosts"]:
            old = found.pop(host["name"], None)
            if old is None:
                self.act("make host " + host["name"], "host.create",
                         dict(described(host, ids), groups=[{"groupid": group}], interfaces=[interface(host)]))
            elif differs(host, old):
                params = dict(described(host, ids), hostid=old["hostid"])
                keep = old["interfaces"][0]["interfaceid"] if old["interfaces"] else None
                params["interfaces"] = [dict(interface(host), **({"interfaceid": keep} if keep else {}))]
                self.act("change host " + host["name"], "host.update", params)
        for name, old in sorted(found.items()):
            self.act("remove host " + name, "host.delete", [old["hostid"]])

    def remove_stock(self):
        """Remove the host that every new server has of itself."""
        for host in self.api.call("host.get", {"filter": {"host": STOCK_HOST}, "output": ["host"], "selectInterfaces": ["ip"]}):
            if [i["ip"] for i in host["interfaces"]] == ["127.0.0.1"]:
                self.act("remove host " + STOCK_HOST, "host.delete", [host["hostid"]])


class Reader(object):
    """A user that may read one group."""

    def __init__(self, lab, group):
        self.lab, self.api, self.params, self.group = lab, lab.api, lab.params, group

    def circle(self):
        """The ID of the user group, which has the right to read."""
        name = self.params["reader"] + " reads " + self.params["group"]
        rights = "hostgroup_rights" if self.api.version >= (6, 2) else "rights"
        select = "selectHostGroupRights" if self.api.version >= (6, 2) else "selectRights"
        wanted = [{"id": self.group, "permission": READ}]
        found = self.api.call("usergroup.get", {"filter": {"name": name}, "output": ["usrgrpid"], select: "extend"})
        if not found:
            made = self.lab.act("make user group " + name, "usergroup.create", {"name": name, rights: wanted})
            return made["usrgrpids"][0] if made else "0"
        if [(r["id"], int(r["permission"])) for r in found[0][rights]] != [(self.group, READ)]:
            self.lab.act("change user group " + name, "usergroup.update", {"usrgrpid": found[0]["usrgrpid"], rights: wanted})
        return found[0]["usrgrpid"]

    def user(self, circle):
        """The user's ID."""
        name = "username" if self.api.version >= (5, 4) else "alias"
        found = self.api.call("user.get", {"filter": {name: self.params["reader"]}, "output": ["userid"]})
        if found:
            if not self.let_in():
                self.lab.act("set the reader's password", "user.update", {"userid": found[0]["userid"], "passwd": self.params["reader_password"]})
            return found[0]["userid"]
        params = {name: self.params["reader"], "passwd": self.params["reader_password"], "usrgrps": [{"usrgrpid": circle}]}
        if self.api.version >= (5, 2):
            params["roleid"] = self.api.call("role.get", {"filter": {"name": "User role"}, "output": ["roleid"]})[0]["roleid"]
        else:
            params["type"] = 1
        made = self.lab.act("make user " + self.params["reader"], "user.create", params)
        return made["userids"][0] if made else "0"

    def let_in(self):
        """Whether the password is right."""
        session = API(self.params["url"])
        try:
            session.sign_in(self.params["reader"], self.params["reader_password"])
        except Refused:
            return False
        session.sign_out()
        return True

    def token(self, user):
        """The token that Grafana has, if the server takes it, or else a new one."""
        if self.api.version < (5, 4):
            return ""
        session = API(self.params["url"])
        session.token = self.params["reader_token"].strip()
        try:
            session.call("hostgroup.get", {"limit": 1})
            return session.token
        except Refused:
            pass
        found = self.api.call("token.get", {"userids": user, "filter": {"name": self.params["reader"]}, "output": ["tokenid"]})
        made = {"tokenids": [t["tokenid"] for t in found]} if found else self.lab.act(
            "make a token", "token.create", {"name": self.params["reader"], "userid": user})
        new = self.lab.act("renew the token", "token.generate", made["tokenids"] if made else [])
        return new[0]["token"] if new else session.token


def interface(host):
    """The one way to a host's agent."""
    return {"type": 1, "main": 1, "useip": 1, "ip": host["address"], "dns": "", "port": str(host["port"])}


def described(host, ids):
    """A host as the API takes it."""
    tls = WITH_CERTIFICATES if host.get("tls") else 1
    return {"host": host["name"], "tls_connect": tls, "tls_accept": tls,
            "templates": [{"templateid": ids.get(t, "0")} for t in host["templates"]],
            "macros": [{"macro": m, "value": to_text(v)} for m, v in sorted(host.get("macros", {}).items())]}


def differs(host, old):
    """Whether a host is not as described."""
    tls = WITH_CERTIFICATES if host.get("tls") else 1
    return (
        sorted(t["host"] for t in old["parentTemplates"]) != sorted(host["templates"])
        or [(i["ip"], i["port"]) for i in old["interfaces"]] != [(host["address"], str(host["port"]))]
        or {m["macro"]: m["value"] for m in old["macros"]} != {m: to_text(v) for m, v in host.get("macros", {}).items()}
        or (int(old["tls_connect"]), int(old["tls_accept"])) != (tls, tls)
    )


def read(path):
    """A file's text, or nothing."""
    if not os.path.exists(path):
        return ""
    with open(path) as f:
        return f.read().strip()


def bring(lab):
    """Bring the server to what is described; the reader's token."""
    hosts = lab.params["hosts"]
    if hosts is not None:
        lab.import_templates(sorted({t for h in hosts for t in h["templates"]}))
    group = lab.group()
    if hosts is not None:
        lab.register(group)
        lab.remove_stock()
    if not lab.params["reader"]:
        return ""
    reader = Reader(lab, group)
    return reader.token(reader.user(reader.circle()))


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "user": {"type": "str", "default": "Admin"},
            "password": {"type": "str", "required": True, "no_log": True},
            "templates": {"type": "list", "elements": "str", "default": []},
            "stamp": {"type": "path"},
            "group": {"type": "str", "required": True},
            "hosts": {"type": "list", "elements": "dict"},
            "reader": {"type": "str"},
            "reader_password": {"type": "str", "no_log": True},
            # It is an answer of the module as well, which no_log would blank; the task hides both.
            "reader_token": {"type": "str", "default": "", "no_log": False},
        },
        required_by={"hosts": "stamp", "reader": "reader_password"},
        supports_check_mode=True,
    )
    try:
        api = API(module.params["url"])
        api.sign_in(module.params["user"], module.params["password"])
        # Python 2 has them as bytes, and the API answers in text: the two compare as different.
        lab = Lab(api, container_to_text(module.params), module.check_mode)
        token = bring(lab)
        api.sign_out()
    except Refused as err:
        module.fail_json(msg="Zabbix at %s refuses: %s" % (module.params["url"], err))
    except Exception as err:  # its text, not a trace: the trace would be all that is seen
        module.fail_json(msg="Zabbix's web interface at %s does not answer: %s; see the units nginx and PHP's on its machine"
                         % (module.params["url"], err))
    module.exit_json(changed=bool(lab.done), done=lab.done, token=token)


if __name__ == "__main__":
    main()
