"""What the playbooks have to work out, and a template cannot say plainly."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import glob
import ipaddress
import os

import yaml

# Groups that the roles know, and how many hosts each may have: no more than seven
# members of MongoDB's replica set have a vote.
GROUPS = {
    "authd": (1, None), "chatd": (1, None), "logd": (1, None), "healthd": (0, None),
    "mariadb": (0, None), "mongodb": (1, 7),
    "zabbix_server": (0, 1), "zabbix_agent": (0, None), "grafana": (0, 1),
}

PORTS = {
    "authd": ["auth_port", "authd_ops_port", "authd_logger_ops_port"],
    "chatd": ["chat_port", "chatd_ops_port", "chatd_logger_ops_port"],
    "logd": ["logd_port", "logd_ops_port"],
    "healthd": ["healthd_port", "healthd_ops_port"],
    "mariadb": ["mariadb_port"],
    "mongodb": ["mongodb_port"],
}

# Groups whose members decide together, and the ports that several of them need.
QUORUMS = {"chatd": ["chatd_routes_port"], "mariadb": ["galera_port"], "mongodb": []}


def _address_faults(host, values, taken):
    """Faults of one host's two addresses; taken maps addresses to their hosts."""
    faults = []
    networks = []
    for key in ("public_address", "private_address"):
        text = values.get(key)
        if not text:
            faults.append("host %s has no %s: add it to the inventory" % (host, key))
            continue
        try:
            address = ipaddress.ip_address(u"%s" % text)
        except ValueError:
            faults.append("host %s: %s %s is no IP address: mend it in the inventory" % (host, key, text))
            continue
        if address in taken:
            faults.append("host %s: %s %s is also %s: give each host and network an address of its own"
                          % (host, key, address, taken[address]))
        taken[address] = "%s of host %s" % (key, host)
        networks.append(ipaddress.ip_network(u"%s/%s" % (address, 24 if address.version == 4 else 64), strict=False))
    if len(networks) == 2 and networks[0] == networks[1]:
        faults.append("host %s: public_address and private_address are both in %s: the lab needs two networks"
                      % (host, networks[0]))
    return faults


def _group_faults(groups, hostvars, embedded):
    faults = []
    for group in sorted(GROUPS):
        least, most = GROUPS[group]
        hosts = groups.get(group, [])
        if len(hosts) < least:
            faults.append("group %s has no host: name the machine that carries it, `%s: {hosts: {NAME: {}}}`" % (group, group))
        if most is not None and len(hosts) > most:
            faults.append("group %s names %s: these roles run %d at most, leave so many hosts in it" % (group, " and ".join(hosts), most))
        if group in QUORUMS and len(hosts) == 2:
            faults.append("group %s names two hosts, %s: when one is away, the other cannot tell whether it is the one cut off:"
                          " name a third, or only one" % (group, " and ".join(hosts)))
        for host in hosts:
            for port in PORTS.get(group, []) + (QUORUMS.get(group, []) if len(hosts) > 1 else []):
                if port not in hostvars[host]:
                    faults.append("%s is missing, which group %s needs: add it to `all: vars:`" % (port, group))
    if embedded and len(groups.get("mongodb", [])) > 1:
        faults.append("group mongodb names %s: the embedded log database has no replicas, leave one host in it, or run MongoDB of its vendor,"
                      " mongodb_embedded=false" % " and ".join(groups["mongodb"]))
    if len(groups.get("authd", [])) > 1 and not groups.get("mariadb"):
        faults.append("group authd names several hosts, and no host is in group mariadb: auth servers share their users in MariaDB,"
                      " name its machines, or leave one auth server")
    return faults


# The variables that name an address which moves between the machines of a group.
VIPS = [("auth_vip", "authd"), ("chat_vip", "chatd")]


def _vip_fault(key, text, hosts, hostvars, taken):
    """What is wrong with an address that is to move between hosts, or nothing."""
    try:
        address = ipaddress.IPv4Address(u"%s" % text)
    except ValueError:
        return "%s %s is no IPv4 address: mend it in the inventory" % (key, text)
    if address in taken:
        return "%s %s is also %s: name a free address of the public network" % (key, address, taken[address])
    taken[address] = key
    if len(hosts) < 2:
        return "%s is set, and only one host could have it, %s: name several, or remove %s" % (key, " and ".join(hosts) or "none", key)
    for host in hosts:
        network = ipaddress.ip_network(u"%s/24" % hostvars[host]["public_address"], strict=False)
        if address not in network or address in (network.network_address, network.broadcast_address):
            return "%s %s is no address of %s, the public network of host %s: name a free one of it" % (key, address, network, host)
    return None


def _vip_faults(hostvars, groups, taken):
    """Faults of the addresses that move; taken maps addresses to what has them."""
    faults = []
    values = hostvars[groups["all"][0]]
    for key, group in VIPS:
        if values.get(key):
            faults.append(_vip_fault(key, values[key], groups.get(group, []), hostvars, taken))
    return [fault for fault in faults if fault]


def inventory_faults(hostvars, groups, embedded=False):
    """Lines that say what is wrong with an inventory, each with the host and the fix."""
    faults, taken, used = [], {}, set()
    for group in GROUPS:
        used.update(groups.get(group, []))
    for host in groups["all"]:
        faults += _address_faults(host, hostvars[host], taken)
        if host not in used:
            faults.append("host %s is in no group: name it below `all: children:`, or remove it" % host)
    faults += _group_faults(groups, hostvars, embedded)
    if not faults:  # what follows needs the addresses
        faults += _vip_faults(hostvars, groups, taken)
    return sorted(set(faults), key=faults.index)


def probe_facts(stdout):
    """The KEY=VALUE lines of the preflight probe; address lines become a map of address to interface."""
    facts = {"addresses": {}}
    for line in stdout.replace("\r", "").split("\n"):
        key, found, value = line.partition("=")
        if not found:
            continue
        if key == "address":
            address, _slash, interface = value.partition("/")
            facts["addresses"][address] = interface
        else:
            facts[key] = value
    return facts


def systems():
    """The systems that the files of profiles/ are for, by the profile's name."""
    found = {}
    for path in glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "profiles", "*.yml")):
        with open(path) as f:
            profile = yaml.safe_load(f)
        found[profile["profile_name"]] = profile["profile_system"]
    return found


def profile_of(facts):
    """The name of the profile for an operating system, or an empty string."""
    release = facts.get("release", "").split(".")[0]
    for name, system in sorted(systems().items()):
        if facts.get("os") in system["ids"] and release == system["version"]:
            return name
    return ""


def _profile_fault(host, facts, wanted):
    """What is wrong with a machine's system, or with the profile that is asked for, or nothing."""
    profile, known = profile_of(facts), systems()
    runs = "host %s runs %s %s" % (host, facts.get("os", "?"), facts.get("release", ""))
    if not profile:
        return "%s: supported are %s" % (runs, ", ".join(known[name]["title"] for name in sorted(known)))
    if wanted and wanted != profile:
        return "%s, which is not for profile %s: leave chatlab_profile out, the machine takes %s" % (runs, wanted, profile)
    return None


def _unreachable(host, values, result, user):
    said = " ".join(("%s %s %s" % (result.get("msg", ""), result.get("stderr", ""), result.get("stdout", ""))).split())
    where = "host %s (%s)" % (host, values.get("ansible_host", host))
    if "Permission denied" in said or "password is required" in said or "incorrect password" in said or "sudo:" in said:
        return "%s lets %s not in as root: give the SSH user with -u, its key with --private-key, and let it use sudo" % (where, user)
    if "HOST IDENTIFICATION HAS CHANGED" in said or "Host key verification failed" in said:
        return "%s shows another SSH key than before: if it was made anew, ssh-keygen -R %s" % (where, values.get("ansible_host", host))
    return "%s cannot be reached by SSH: %s: start it, or mend public_address" % (where, said[-160:] or "no answer")


def _minor(version):
    """The major and the minor number of a version."""
    return tuple(int(n) for n in version.split(".")[:2])


def _machine_faults(host, values, facts, core, needed_mb, core_before):
    profile = profile_of(facts)
    faults = [fault for fault in [_profile_fault(host, facts, values.get("chatlab_profile"))] if fault]
    if profile in core_before and _minor(core) >= _minor(core_before[profile]):
        faults.append("host %s is of profile %s, which ansible-core %s cannot drive: use one before %s, as in Debian 12"
                      % (host, profile, core, core_before[profile]))
    for place in ("var", "opt"):
        free = int(facts.get(place + "_free_kb", 0)) // 1024
        if free < needed_mb:
            faults.append("host %s has %d MB of disk left in /%s: free at least %d MB" % (host, free, place, needed_mb))
    for key in ("public_address", "private_address"):
        if values[key] not in facts["addresses"]:
            faults.append("host %s does not have its %s %s: give it to an interface, or mend the inventory" % (host, key, values[key]))
    if facts.get("systemd") != "yes":
        faults.append("host %s was not booted by systemd: the services are systemd units" % host)
    if profile and profile != "el7" and facts.get("python3") != "yes":
        faults.append("host %s has no /usr/bin/python3: install python3" % host)
    return faults


def machine_faults(hostvars, hosts, core, needed_mb=1024, user="", embedded=False, mongodb=(), core_before=None):
    """Lines that say which machine cannot carry the lab, and why, from the preflight probes."""
    faults = []
    for host in hosts:
        values = hostvars[host]
        result = values.get("preflight_probe", {})
        if result.get("unreachable") or result.get("rc", 1) != 0:
            faults.append(_unreachable(host, values, result, values.get("ansible_user") or user or "the SSH user"))
            continue
        facts = probe_facts(result.get("stdout", ""))
        faults += _machine_faults(host, values, facts, core, needed_mb, core_before or {})
        if host in mongodb and not embedded and facts.get("avx") != "yes":
            faults.append("host %s has no AVX, which MongoDB 5.0 and later need: pass the host's CPU through, or set mongodb_embedded=true" % host)
    return faults


CONTROLLER = "this controller"


def _clocks(hostvars, hosts, heard):
    """How far each clock is ahead of the controller's: the least and the most that it can be, since the answers took time."""
    clocks = {CONTROLLER: (0.0, 0.0)}
    for host in hosts:
        facts = probe_facts(hostvars[host].get("preflight_probe", {}).get("stdout", ""))
        if "clock" in facts and "asked" in facts:
            clocks[host] = (float(facts["clock"]) - heard, float(facts["clock"]) - float(facts["asked"]))
    return clocks


def _gap(clock, other):
    """By how many seconds a clock is certainly ahead of another; negative: behind; 0: they may be the same."""
    return max(0.0, clock[0] - other[1]) + min(0.0, clock[1] - other[0])


def _lasting(seconds):
    """A span of time as a person says it."""
    minutes, rest = divmod(int(round(abs(seconds))), 60)
    hours, minutes = divmod(minutes, 60)
    return " ".join("%d %s" % part for part in ((hours, "h"), (minutes, "min"), (rest, "s")) if part[0])


def clock_faults(hostvars, hosts, heard, limit=4.0):
    """Lines that say whose clock differs from most others'; heard is when the controller had the last answer of the probe."""
    clocks = _clocks(hostvars, hosts, heard)
    names = [CONTROLLER] + [host for host in hosts if host in clocks]
    # The clock with which most agree is right, the controller's if in doubt.
    right = max(names, key=lambda name: sum(abs(_gap(clocks[name], other)) <= limit for other in clocks.values()))
    faults = []
    for name in names:
        gap = _gap(clocks[name], clocks[right])
        if abs(gap) > limit:
            faults.append("%s: its clock is %s %s %s's: tokens and events go by the clock, set it there with `chronyc makestep` or `date --set`"
                          % (name if name == CONTROLLER else "host " + name, _lasting(gap), "ahead of" if gap > 0 else "behind",
                             right if right == CONTROLLER else "host " + right))
    return faults


def item_of(path, attributes):
    """An item of the module lab_files without its content."""
    return dict(attributes, path=path)


def with_contents(items, contents):
    """Items, each with its content, as the module lab_files takes them."""
    return [dict({"mode": "0644", "content": content}, **item) for item, content in zip(items, contents)]


# The template of what a group serves, the macros that name its ops ports, and that of its member on the machine.
WATCHED = {
    "authd": ("Chatlab auth", {"{$AUTHD.OPS.PORT}": "authd_ops_port", "{$AUTHD.LOGGER.OPS.PORT}": "authd_logger_ops_port"},
              ("{$AUTH.MEMBER}", "public_address", "auth_port")),
    "chatd": ("Chatlab chat", {"{$CHATD.OPS.PORT}": "chatd_ops_port", "{$CHATD.LOGGER.OPS.PORT}": "chatd_logger_ops_port"},
              ("{$CHAT.MEMBER}", "public_address", "chat_port")),
    "logd": ("Chatlab log", {"{$LOGD.OPS.PORT}": "logd_ops_port"}, ("{$LOG.MEMBER}", "private_address", "logd_port")),
}

# The host of what several machines serve together: no machine can have this name.
TOGETHER = "all services"


def _of(prefix, macros):
    """The macros that begin so."""
    return {name: str(value) for name, value in (macros or {}).items() if name.startswith(prefix)}


def _services(name, values, groups):
    """The templates and macros of what a machine serves."""
    templates, macros = [], {}
    for group in sorted(WATCHED):
        if name in groups.get(group, []):
            template, ports, (member, address, port) = WATCHED[group]
            templates.append(template)
            macros.update({macro: str(values[key]) for macro, key in ports.items()})
            macros[member] = "%s:%s" % (values[address], values[port])
    if name in groups.get("mariadb", []) and len(groups["mariadb"]) > 1:
        templates.append("Chatlab database cluster")
    return templates, macros


# A container shows the load and the CPU use of its host, which the lab does not answer for.
CONTAINER = {"{$NODE.LOAD.MAX}": "1000000", "{$NODE.CPU.MAX}": "101"}


def zabbix_hosts(hostvars, groups, agent_port=10050, macros=None):
    """The hosts of a Zabbix server: each machine by its agent, what it serves by healthd, and what several serve together."""
    hosts = []
    health = groups.get("healthd", [])

    def by_healthd(host, machine, templates, more):
        values = hostvars[machine]
        hosts.append({"name": host, "address": values["private_address"], "port": values["healthd_port"], "tls": True,
                      "templates": templates, "macros": dict(more, **_of("{$CHATLAB.", macros))})

    for name in sorted(groups["all"]):
        values = hostvars[name]
        hosts.append({"name": name, "address": values["private_address"], "port": agent_port, "templates": ["Chatlab node"], "tls": True,
                      "macros": dict(CONTAINER if values.get("preflight_container") else {}, **_of("{$NODE.", macros))})
        templates, more = _services(name, values, groups)
        if templates and name in health:
            by_healthd(name + " services", name, templates, more)
    if health and any(len(groups.get(group, [])) > 1 for group in WATCHED):
        watching = [name for name in groups.get("zabbix_server", []) if name in health]
        by_healthd(TOGETHER, (watching or health)[0], ["Chatlab cluster"], {})
    return hosts


def contents_of(path):
    """The text of a file of the controller."""
    with open(path) as f:
        return f.read()


class FilterModule(object):
    """Names the filters."""

    def filters(self):
        """Return the filters by name."""
        return {
            "inventory_faults": inventory_faults, "machine_faults": machine_faults, "clock_faults": clock_faults,
            "probe_facts": probe_facts, "profile_of": profile_of, "with_contents": with_contents, "item_of": item_of,
            "zabbix_hosts": zabbix_hosts, "contents_of": contents_of,
        }
