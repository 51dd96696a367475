package main

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatlab/src/lab/pki"
	"chatlab/src/token"
)

var update = flag.Bool("update", false, "write the golden files of ansible/tests/golden anew")

// playbook runs ansible-playbook in the folder of the playbooks.
func playbook(t *testing.T, args ...string) (string, error) {
	t.Helper()
	need(t, "ansible-playbook")
	cmd := exec.Command("ansible-playbook", args...)
	cmd.Dir = filepath.Join("..", "..", "ansible")
	cmd.Env = append(os.Environ(), "ANSIBLE_NOCOLOR=1", "ANSIBLE_HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// What the roles write for a machine of each profile: repository files, package
// pins, firewall and configuration. CentOS 7 cannot be run here, so a change
// has to be seen and meant.
func TestRenderedFilesAreTheGoldenOnes(t *testing.T) {
	for _, of := range [][2]string{{"el7", ""}, {"el9", ""}, {"debian12", ""}, {"debian12", "-ha"}, {"debian13", ""}, {"debian13", "-ha"}, {"el7", "-ha"}, {"el9", "-ha"}} {
		profile, topology := of[0], of[1]
		t.Run(profile+topology, func(t *testing.T) {
			dir := t.TempDir()
			if out, err := playbook(t, "-i", "tests/inventory"+topology, "render.yml", "-e", "chatlab_profile="+profile,
				"-e", "render_to="+dir, "-e", "base_version=1.2.3"); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			golden := filepath.Join("..", "..", "ansible", "tests", "golden", profile+topology)
			if *update {
				if err := os.RemoveAll(golden); err != nil {
					t.Fatal(err)
				}
				if err := os.CopyFS(golden, os.DirFS(dir)); err != nil {
					t.Fatal(err)
				}
			}
			compare(t, tree(t, dir), tree(t, golden))
		})
	}
}

func tree(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err == nil {
			out[rel], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(out), err)
	}
	return out
}

func compare(t *testing.T, got, want map[string][]byte) {
	t.Helper()
	const fix = "go test ./src/packaging -run Rendered -update, if that was meant"
	for path, text := range got {
		if golden, there := want[path]; !there {
			t.Errorf("%s is new: %s", path, fix)
		} else if !bytes.Equal(text, golden) {
			t.Errorf("%s: %s\n--- got\n%s--- want\n%s", path, fix, text, golden)
		}
	}
	for path := range want {
		if _, there := got[path]; !there {
			t.Errorf("%s is gone: %s", path, fix)
		}
	}
}

// What a mistake in an inventory is answered with, before any machine is
// reached, in one line that names the host and the fix.
func TestBadInventoriesAreRefusedAtOnce(t *testing.T) {
	good := read(t, filepath.Join("..", "..", "ansible", "tests", "inventory", "hosts.yml"))
	for name, c := range map[string]struct{ old, new, want string }{
		"missing address":    {"public_address: 192.0.2.12, ", "", "host chat has no public_address: add it to the inventory"},
		"duplicate":          {"198.51.100.14", "198.51.100.12", "host auth: private_address 198.51.100.12 is also private_address of host chat: give each"},
		"one network":        {"198.51.100.14", "192.0.2.15", "host auth: public_address and private_address are both in 192.0.2.0/24: the lab needs two networks"},
		"no address":         {"192.0.2.14", "auth.example", "host auth: public_address auth.example is no IP address: mend it"},
		"host in no group":   {"    log: {public", "    idle: {public_address: 192.0.2.9, private_address: 198.51.100.9}\n    log: {public", "host idle is in no group: name it below"},
		"group without host": {"    chatd: {hosts: {chat: {}}}\n", "", "group chatd has no host: name the machine"},
		"two user databases": {"mariadb: {hosts: {auth: {}}}", "mariadb: {hosts: {auth: {}, log: {}}}", "group mariadb names two hosts, auth and log: when one is away"},
		"database cluster":   {"mariadb: {hosts: {auth: {}}}", "mariadb: {hosts: {auth: {}, log: {}, chat: {}}}", "galera_port is missing, which group mariadb needs"},
		"users apart": {"authd: {hosts: {auth: {}}}\n    chatd: {hosts: {chat: {}}}\n    logd: {hosts: {log: {}}}\n    healthd: {hosts: {log: {}, chat: {}, auth: {}}}\n    mariadb: {hosts: {auth: {}}}\n",
			"authd: {hosts: {auth: {}, chat: {}}}\n    chatd: {hosts: {chat: {}}}\n    logd: {hosts: {log: {}}}\n    healthd: {hosts: {log: {}, chat: {}, auth: {}}}\n", "group authd names several hosts, and no host is in group mariadb"},
		"two log databases": {"mongodb: {hosts: {log: {}}}", "mongodb: {hosts: {log: {}, chat: {}}}", "group mongodb names two hosts, log and chat: when one is away"},
		"two chat servers":  {"chatd: {hosts: {chat: {}}}", "chatd: {hosts: {chat: {}, log: {}}}", "group chatd names two hosts, chat and log: when one is away"},
		"chat routes":       {"chatd: {hosts: {chat: {}}}", "chatd: {hosts: {chat: {}, log: {}, auth: {}}}", "chatd_routes_port is missing, which group chatd needs"},
		"no port":           {"    logd_port: 8083\n", "", "logd_port is missing, which group logd needs: add it to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(good, c.old) {
				t.Fatalf("the inventory has no %q", c.old)
			}
			path := filepath.Join(t.TempDir(), "hosts.yml")
			write(t, path, strings.Replace(good, c.old, c.new, 1))
			refused(t, c.want, "-i", path)
		})
	}
}

// The same of addresses that move, which need several machines.
func TestBadVIPsAreRefusedAtOnce(t *testing.T) {
	good := read(t, filepath.Join("..", "..", "ansible", "tests", "inventory-ha", "hosts.yml"))
	alone := read(t, filepath.Join("..", "..", "ansible", "tests", "inventory", "hosts.yml"))
	for name, c := range map[string]struct{ text, old, new, want string }{
		"no address":   {good, "auth_vip: 192.0.2.21", "auth_vip: auth.example", "auth_vip auth.example is no IPv4 address: mend it"},
		"outside":      {good, "chat_vip: 192.0.2.22", "chat_vip: 198.51.100.22", "chat_vip 198.51.100.22 is no address of 192.0.2.0/24, the public network of host log: name a free one"},
		"broadcast":    {good, "chat_vip: 192.0.2.22", "chat_vip: 192.0.2.255", "chat_vip 192.0.2.255 is no address of 192.0.2.0/24"},
		"a host's":     {good, "auth_vip: 192.0.2.21", "auth_vip: 192.0.2.12", "auth_vip 192.0.2.12 is also public_address of host chat: name a free address"},
		"twice":        {good, "chat_vip: 192.0.2.22", "chat_vip: 192.0.2.21", "chat_vip 192.0.2.21 is also auth_vip: name a free address"},
		"single hosts": {alone, "    auth_port: 8081\n", "    auth_port: 8081\n    auth_vip: 192.0.2.21\n", "auth_vip is set, and only one host could have it, auth: name several, or remove auth_vip"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(c.text, c.old) {
				t.Fatalf("the inventory has no %q", c.old)
			}
			path := filepath.Join(t.TempDir(), "hosts.yml")
			write(t, path, strings.Replace(c.text, c.old, c.new, 1))
			refused(t, c.want, "-i", path)
		})
	}
}

// The embedded log database has no replicas. An inventory says so for all its machines.
func TestSeveralEmbeddedLogDatabasesAreRefused(t *testing.T) {
	good := read(t, filepath.Join("..", "..", "ansible", "tests", "inventory-ha", "hosts.yml"))
	path := filepath.Join(t.TempDir(), "hosts.yml")
	write(t, path, strings.Replace(good, "  vars:\n", "  vars:\n    mongodb_embedded: true\n", 1))
	refused(t, "group mongodb names log and chat and auth: the embedded log database has no replicas, leave one host in it, or run MongoDB of its vendor", "-i", path)
}

// A machine that cannot be reached, or not by this user.
func TestUnreachableMachinesAreNamed(t *testing.T) {
	good := read(t, filepath.Join("..", "..", "ansible", "tests", "inventory", "hosts.yml"))
	path := filepath.Join(t.TempDir(), "hosts.yml")
	for _, n := range []string{"11", "12", "14"} { // nothing listens on these loopback addresses
		good = strings.Replace(good, "192.0.2."+n, "127.9.1."+n, 1)
	}
	write(t, path, good)
	refused(t, "host chat (127.9.1.12) cannot be reached by SSH", "-i", path, "-e", "ansible_port=1")
}

func refused(t *testing.T, want string, args ...string) {
	t.Helper()
	began := time.Now()
	out, err := playbook(t, append([]string{"site.yml"}, args...)...)
	flat := strings.Join(strings.Fields(out), " ")
	if err == nil || !strings.Contains(flat, want) {
		t.Errorf("want %q, got %v\n%s", want, err, out)
	}
	if strings.Contains(out, "changed: [") || strings.Contains(out, "Begin to install") {
		t.Errorf("it went on:\n%s", out)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestMachinesThatCannotCarryTheLabAreNamed(t *testing.T) {
	need(t, "python3")
	out, err := exec.Command("python3", filepath.Join("..", "..", "ansible", "tests", "test_filters.py")).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The playbooks and `lab up` make the same secrets: either takes what the other made.
func TestSecretsOfThePlaybooksAndOfLabAreTheSame(t *testing.T) {
	hosts, now := []string{"log", "198.51.100.11"}, time.Now()
	playbooks, lab := t.TempDir(), t.TempDir()
	if out := makeSecrets(t, playbooks); !strings.Contains(out, "CHANGED") {
		t.Fatal(out)
	}
	if out := makeSecrets(t, playbooks); !strings.Contains(out, "SUCCESS") {
		t.Errorf("made again: %s", out)
	}
	before := read(t, filepath.Join(playbooks, "ca.pem"))
	ca, err := pki.Open(playbooks, now)
	if err != nil || read(t, filepath.Join(playbooks, "ca.pem")) != before {
		t.Errorf("lab does not take the CA: %v", err)
	}
	if renewed, err := ca.Ensure("log-logd", hosts, now); err != nil || renewed {
		t.Errorf("lab does not take the certificate: %v", err)
	}
	if keys, err := token.ParseKeys([]byte(read(t, filepath.Join(playbooks, "jwt.key")))); err != nil || len(keys) != 1 {
		t.Errorf("keys: %d %v", len(keys), err)
	}
	ca, err = pki.Open(lab, now)
	if err == nil {
		_, err = ca.Ensure("log-logd", hosts, now)
	}
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(lab, "jwt.key"), token.NewKeyLine())
	if out := makeSecrets(t, lab); !strings.Contains(out, "SUCCESS") {
		t.Errorf("the playbooks do not take what lab made: %s", out)
	}
}

// makeSecrets runs the module as a playbook does; its output says CHANGED or SUCCESS.
func makeSecrets(t *testing.T, dir string) string {
	t.Helper()
	need(t, "ansible")
	args := `{"path": "` + dir + `", "random": ["jwt.key"], "certificates": [{"name": "log-logd", "names": ["log", "198.51.100.11"]}]}`
	cmd := exec.Command("ansible", "localhost", "-i", "localhost,", "-c", "local", "-M", "library", "-m", "lab_secrets", "-a", args,
		"-e", "ansible_python_interpreter=/usr/bin/python3")
	cmd.Dir = filepath.Join("..", "..", "ansible")
	cmd.Env = append(os.Environ(), "ANSIBLE_NOCOLOR=1", "ANSIBLE_HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}
