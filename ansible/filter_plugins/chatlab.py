"""What the playbooks have to work out, and a template cannot say plainly."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import glob
import os

import yaml

# Variables that `lab` needs of an inventory, beside all that end with _port.
SEEN = ("public_address", "private_address", "auth_tls", "auth_vip", "chat_tls", "chat_vip", "password_min_length",
        "password_refuse_common", "mongodb_embedded", "grafana_absent")


def seen(hostvars, groups):
    """The lab as Ansible sees it, in the form of `ansible-inventory --list`, for `lab`."""
    machines = {}
    for host in groups["all"]:
        values = hostvars[host]
        machines[host] = {name: values[name] for name in values
                          if name in SEEN or name.endswith("_port") and not name.startswith(("ansible_", "base_"))}
    out = {name: {"hosts": list(hosts)} for name, hosts in groups.items() if name not in ("all", "ungrouped")}
    out["_meta"] = {"hostvars": machines}
    return out


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
    links = {"{$LAB.GRAFANA}": "http://%s:%s" % (hostvars[name]["public_address"], hostvars[name].get("grafana_port", 3000))
             for name in groups.get("grafana", [])}

    def by_healthd(host, machine, templates, more):
        values = hostvars[machine]
        hosts.append({"name": host, "address": values["private_address"], "port": values["healthd_port"], "tls": True,
                      "templates": templates, "macros": dict(more, **dict(links, **_of("{$CHATLAB.", macros)))})

    for name in sorted(groups["all"]):
        values = hostvars[name]
        hosts.append({"name": name, "address": values["private_address"], "port": agent_port, "templates": ["Chatlab node"], "tls": True,
                      "macros": dict(CONTAINER if values.get("preflight_container") else {}, **dict(links, **_of("{$NODE.", macros)))})
        templates, more = _services(name, values, groups)
        if templates and name in health:
            by_healthd(name + " services", name, templates, dict(more, **{"{$LAB.NODE}": name}))
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
            "seen": seen, "machine_faults": machine_faults, "clock_faults": clock_faults,
            "probe_facts": probe_facts, "profile_of": profile_of, "with_contents": with_contents, "item_of": item_of,
            "zabbix_hosts": zabbix_hosts, "contents_of": contents_of,
        }
