"""What preflight says of machines that cannot carry the lab: run by `go test ./src/packaging`."""
import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "filter_plugins"))
import chatlab  # noqa: E402

GOOD = {
    "os": "debian", "release": "12", "var_free_kb": "9000000", "opt_free_kb": "9000000", "systemd": "yes", "python3": "yes", "avx": "yes",
}


def faults(core="2.14.18", embedded=False, profile=None, **changes):
    """The faults of one machine whose probe says GOOD with changes; None leaves a line out."""
    facts = {k: v for k, v in dict(GOOD, **changes).items() if v is not None}
    result = {"rc": 0, "stdout": "\r\n".join("%s=%s" % item for item in facts.items()) + "\naddress=192.0.2.1/eth1\naddress=198.51.100.1/eth2\n"}
    result = changes.get("result", result)
    values = {"ansible_host": "192.0.2.1", "public_address": "192.0.2.1", "private_address": "198.51.100.1", "preflight_probe": result}
    if profile:
        values["chatlab_profile"] = profile
    return chatlab.machine_faults({"one": values}, ["one"], core, 1024, "kim", embedded, ["one"], {"el7": "2.17"})


class MachineFaults(unittest.TestCase):
    """One machine, one fault, one line."""

    def check(self, want, **changes):
        """Exactly one fault, which names the host and holds the wanted words."""
        got = faults(**changes)
        self.assertEqual(len(got), 1, got)
        self.assertIn("host one", got[0])
        self.assertIn(want, got[0])

    def test_none(self):
        """Machines that will do."""
        self.assertEqual(faults(), [])
        self.assertEqual(faults(avx=None, embedded=True), [])
        self.assertEqual(faults(os="centos", release="7", core="2.16.3", python3=None), [])
        self.assertEqual(faults(os="rocky", release="9.8", core="2.20.1"), [])
        self.assertEqual(faults(release="13.8", profile="debian13"), [])

    def test_each(self):
        """Machines that will not."""
        self.check("runs ubuntu 24.04: supported are Debian 12, Debian 13, CentOS 7, Rocky and Alma 9", os="ubuntu", release="24.04")
        self.check("runs debian 12, which is not for profile debian13: leave chatlab_profile out, the machine takes debian12", profile="debian13")
        self.check("profile el7, which ansible-core 2.17.0 cannot drive: use one before 2.17", os="centos", release="7", core="2.17.0")
        self.check("has 9 MB of disk left in /var: free at least 1024 MB", var_free_kb="10000")
        self.check("was not booted by systemd", systemd=None)
        self.check("install python3", python3=None)
        self.check("has no AVX", avx=None)

    def test_reach(self):
        """Machines that do not let one in."""
        denied = {"unreachable": True, "msg": "Failed to connect to the host via ssh: kim@192.0.2.1: Permission denied (publickey)."}
        self.check("lets kim not in as root: give the SSH user with -u", result=denied)
        self.check("lets kim not in as root", result={"rc": 1, "stdout": "", "stderr": "sudo: a password is required"})
        self.check("ssh-keygen -R 192.0.2.1", result={"unreachable": True, "msg": "Host key verification failed."})
        self.check("cannot be reached by SSH", result={"unreachable": True, "msg": "Connection timed out"})


class ClockFaults(unittest.TestCase):
    """Clocks that differ, told from answers that take their time."""

    def faults(self, heard=1002.0, **clocks):
        """The faults of machines that were asked at 1000, one after the other, and whose clocks said this."""
        names = sorted(clocks)
        hostvars = {name: {"preflight_probe": {"rc": 0, "stdout": "asked=%d\r\nclock=%s\r\n" % (1000 + n, clocks[name])}}
                    for n, name in enumerate(names)}
        return chatlab.clock_faults(hostvars, names, heard)

    def test_answers_that_take_time(self):
        """Slow machines, and no fault."""
        self.assertEqual(self.faults(auth="1000.1", chat="1001.5", log="1002.9"), [])
        self.assertEqual(self.faults(heard=1060.0, auth="1001.0", chat="1031.0", log="1059.0"), [])

    def test_one_machine(self):
        """Ten minutes ahead or behind."""
        got = self.faults(auth="1600.5", chat="1001.5", log="1002.1")
        self.assertEqual(len(got), 1, got)
        self.assertIn("host auth: its clock is 9 min 58 s ahead of this controller's: tokens and events go by the clock, set it there", got[0])
        got = self.faults(auth="1000.5", chat="401.5", log="1002.1")
        self.assertEqual(len(got), 1, got)
        self.assertIn("host chat: its clock is 10 min behind this controller's", got[0])
        self.assertIn("host one: its clock is 2 h 5 s ahead", self.faults(one="8207.0")[0])

    def test_two_machines(self):
        """Each is named."""
        got = self.faults(auth="1300.5", chat="1001.5", log="402.1")
        self.assertEqual([line.split(" ")[1] for line in got], ["auth:", "log:"], got)

    def test_the_controller(self):
        """It is the one that differs from all."""
        got = self.faults(auth="400.5", chat="401.5", log="402.1")
        self.assertEqual(len(got), 1, got)
        self.assertIn("this controller: its clock is 10 min ahead of host auth's", got[0])

    def test_a_machine_without_an_answer(self):
        """Others say what is wrong with it."""
        self.assertEqual(chatlab.clock_faults({"one": {"preflight_probe": {"unreachable": True}}}, ["one"], 1000.0), [])

    def test_the_probe(self):
        """What it really says of this machine's clock."""
        probe = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "roles", "preflight", "files", "probe.sh")
        asked = time.time()
        said = subprocess.check_output(["sh", probe]).decode()
        for late, want in ((0, []), (600, ["ahead of"]), (-600, ["behind"])):
            text = "asked=%f\n%s" % (asked - late, said)
            got = chatlab.clock_faults({"one": {"preflight_probe": {"stdout": text}}}, ["one"], time.time() - late)
            self.assertEqual([word for line in got for word in want if word in line], want, got)
            self.assertEqual(len(got), len(want), got)


class ZabbixHosts(unittest.TestCase):
    """Who a Zabbix server watches."""

    hostvars = {
        "auth": {"public_address": "192.0.2.14", "private_address": "198.51.100.14", "healthd_port": 10060,
                 "auth_port": 8081, "authd_ops_port": 9081, "authd_logger_ops_port": 9091},
        "db": {"private_address": "198.51.100.15", "healthd_port": 10060},
        "log": {"private_address": "198.51.100.11", "healthd_port": 10060, "logd_port": 8083, "logd_ops_port": 9083},
        "log2": {"private_address": "198.51.100.12", "healthd_port": 10060, "logd_port": 8083, "logd_ops_port": 9083},
    }
    groups = {"all": ["db", "auth"], "authd": ["auth"], "healthd": ["auth", "db"]}
    several = {"all": ["auth", "db", "log", "log2"], "authd": ["auth"], "logd": ["log", "log2"], "mariadb": ["auth", "db", "log"],
               "healthd": ["auth", "db", "log", "log2"], "zabbix_server": ["log"]}

    def test_a_machine_and_what_it_serves(self):
        """Two hosts where something is served, one where nothing is."""
        got = chatlab.zabbix_hosts(self.hostvars, self.groups)
        self.assertEqual([(h["name"], h["address"], h["port"], h["templates"], h["tls"]) for h in got], [
            ("auth", "198.51.100.14", 10050, ["Chatlab node"], True),
            ("auth services", "198.51.100.14", 10060, ["Chatlab auth"], True),
            ("db", "198.51.100.15", 10050, ["Chatlab node"], True),
        ])
        self.assertEqual(got[1]["macros"], {"{$AUTHD.OPS.PORT}": "9081", "{$AUTHD.LOGGER.OPS.PORT}": "9091", "{$AUTH.MEMBER}": "192.0.2.14:8081",
                                            "{$LAB.NODE}": "auth"})

    def test_what_several_serve_together(self):
        """A host of its own, asked by the machine of Zabbix; each member of the database cluster on its machine."""
        got = {h["name"]: h for h in chatlab.zabbix_hosts(self.hostvars, self.several) if h["templates"] != ["Chatlab node"]}
        self.assertEqual({name: h["templates"] for name, h in got.items()}, {
            "all services": ["Chatlab cluster"], "auth services": ["Chatlab auth", "Chatlab database cluster"],
            "db services": ["Chatlab database cluster"], "log services": ["Chatlab log", "Chatlab database cluster"],
            "log2 services": ["Chatlab log"],
        })
        self.assertEqual((got["all services"]["address"], got["all services"]["port"]), ("198.51.100.11", 10060))
        self.assertEqual(got["log2 services"]["macros"]["{$LOG.MEMBER}"], "198.51.100.12:8083")
        elsewhere = chatlab.zabbix_hosts(self.hostvars, dict(self.several, healthd=["db", "log2"]))
        self.assertEqual([h["address"] for h in elsewhere if h["name"] == "all services"], ["198.51.100.15"])

    def test_macros_go_where_they_belong(self):
        """Those of the node to its host, the others to the services."""
        got = chatlab.zabbix_hosts(self.hostvars, self.groups, macros={"{$NODE.DELAY}": "10s", "{$CHATLAB.NODATA}": "40s"})
        self.assertEqual(got[0]["macros"], {"{$NODE.DELAY}": "10s"})
        self.assertEqual(got[1]["macros"]["{$CHATLAB.NODATA}"], "40s")
        self.assertNotIn("{$NODE.DELAY}", got[1]["macros"])

    def test_problems_link_to_grafana(self):
        """From every host, where there is a Grafana."""
        auth = dict(self.hostvars["auth"], public_address="192.0.2.14")
        got = chatlab.zabbix_hosts(dict(self.hostvars, auth=auth), dict(self.groups, grafana=["auth"]))
        self.assertEqual({h["macros"]["{$LAB.GRAFANA}"] for h in got}, {"http://192.0.2.14:3000"})

    def test_a_container_raises_no_alarm_of_its_hosts_load(self):
        """An inventory may set the threshold all the same."""
        auth = dict(self.hostvars["auth"], preflight_container=True)
        got = chatlab.zabbix_hosts(dict(self.hostvars, auth=auth), self.groups)
        self.assertEqual([h["macros"].get("{$NODE.LOAD.MAX}") for h in got], ["1000000", None, None])
        got = chatlab.zabbix_hosts(dict(self.hostvars, auth=auth), self.groups, macros={"{$NODE.LOAD.MAX}": "5"})
        self.assertEqual([h["macros"].get("{$NODE.LOAD.MAX}") for h in got], ["5", None, "5"])


if __name__ == "__main__":
    unittest.main()
