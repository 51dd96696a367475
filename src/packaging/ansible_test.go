package main

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"
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
	for _, of := range [][2]string{{"el7", ""}, {"el9", ""}, {"debian12", ""}, {"debian12", "-ha"}, {"debian13", ""}, {"debian13", "-ha"}, {"el7", "-ha"}, {"el9", "-ha"}, {"debian12", "-tls"}} {
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
		"missing address":    {"public_address: 192.0.2.12, ", "", "host chat: public_address is missing: add public_address"},
		"duplicate":          {"198.51.100.14", "198.51.100.12", "host auth: private_address 198.51.100.12 is also the private_address of chat: give each"},
		"one network":        {"198.51.100.14", "192.0.2.15", "host auth: 192.0.2.14 and 192.0.2.15 are in the same network: put the two networks into different /24s"},
		"no address":         {"192.0.2.14", "auth.example", `host auth: public_address "auth.example" is not an IP address: write an IP address`},
		"host in no group":   {"    log: {public", "    idle: {public_address: 192.0.2.9, private_address: 198.51.100.9}\n    log: {public", "host idle is in no group: name it in a group below"},
		"group without host": {"    chatd: {hosts: {chat: {}}}\n", "", "group chatd has no host: name the machine"},
		"two user databases": {"mariadb: {hosts: {auth: {}}}", "mariadb: {hosts: {auth: {}, log: {}}}", "group mariadb has two hosts: when one is away"},
		"database cluster":   {"mariadb: {hosts: {auth: {}}}", "mariadb: {hosts: {auth: {}, log: {}, chat: {}}}", "galera_port is missing, which group mariadb needs: add it to"},
		"users apart": {"authd: {hosts: {auth: {}}}\n    chatd: {hosts: {chat: {}}}\n    logd: {hosts: {log: {}}}\n    healthd: {hosts: {log: {}, chat: {}, auth: {}}}\n    mariadb: {hosts: {auth: {}}}\n",
			"authd: {hosts: {auth: {}, chat: {}}}\n    chatd: {hosts: {chat: {}}}\n    logd: {hosts: {log: {}}}\n    healthd: {hosts: {log: {}, chat: {}, auth: {}}}\n", "group authd has 2 hosts, and group mariadb none"},
		"two log databases":  {"mongodb: {hosts: {log: {}}}", "mongodb: {hosts: {log: {}, chat: {}}}", "group mongodb has two hosts: when one is away"},
		"two chat servers":   {"chatd: {hosts: {chat: {}}}", "chatd: {hosts: {chat: {}, log: {}}}", "group chatd has two hosts: when one is away"},
		"chat routes":        {"chatd: {hosts: {chat: {}}}", "chatd: {hosts: {chat: {}, log: {}, auth: {}}}", "chatd_routes_port is missing, which group chatd needs"},
		"no port":            {"    logd_port: 8083\n", "", "logd_port is missing, which group logd needs: add it to"},
		"a port of one host": {"chat: {public", "chat: {chat_port: 99, public", "host chat: chat_port is set for it alone: move it to"},
		"misspelt group":     {"    zabbix_server:", "    zabix_server:", `unknown group "zabix_server": write zabbix_server`},
		"misspelt variable":  {"    password_min_length:", "    pasword_min_length:", "nothing reads the variable pasword_min_length: write password_min_length"},
		"dot in a name":      {"    chat: {public", "    chat.one: {public", `host "chat.one": not a name: use letters`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(good, c.old) {
				t.Fatalf("the inventory has no %q", c.old)
			}
			path := filepath.Join(t.TempDir(), "hosts.yml")
			write(t, path, strings.Replace(good, c.old, c.new, 1))
			refusedAtOnce(t, c.want, "-i", path)
			judged(t, c.want, path)
		})
	}
}

// judged fails unless `lab inventory check` says the same.
func judged(t *testing.T, want, path string) {
	t.Helper()
	out, err := exec.Command(labProgram(t), "inventory", "check", "--inventory", path).Output()
	if err == nil || !strings.Contains(string(out), want) {
		t.Errorf("lab inventory check: want %q, got %v\n%s", want, err, out)
	}
}

// labProgram builds lab once for all tests of a run.
var labBuilt = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "chatlab-packaging-lab-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "lab")
	out, err := exec.Command("go", "build", "-o", path, "chatlab/src/cmd/lab").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func labProgram(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("CHATLAB_BIN"); dir != "" {
		return filepath.Join(dir, "lab")
	}
	path, err := labBuilt()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A vendor's key is kept by its fingerprint, and no other key of its file.
func TestOnlyKnownKeysOfVendorsAreKept(t *testing.T) {
	need(t, "gpg")
	need(t, "ansible")
	// Ansible's own Python has Ansible's modules.
	if out, err := exec.Command("/usr/bin/python3", filepath.Join("..", "..", "ansible", "tests", "test_keys.py")).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Every repository of a profile names the fingerprints of its keys.
func TestEveryKeyOfAProfileHasAFingerprint(t *testing.T) {
	profiles, err := filepath.Glob("../../ansible/profiles/*.yml")
	if err != nil || len(profiles) == 0 {
		t.Fatal(profiles, err)
	}
	fingerprint := regexp.MustCompile(`^[0-9A-F]{40}$`)
	for _, path := range profiles {
		var values map[string]any
		if err := yaml.Unmarshal([]byte(read(t, path)), &values); err != nil {
			t.Fatal(err)
		}
		for name, value := range values {
			if !strings.HasSuffix(name, "_repositories") {
				continue
			}
			for _, r := range value.([]any) {
				repository := r.(map[string]any)
				keys, several := repository["keys"].([]any)
				if !several {
					keys = []any{repository}
				}
				for _, key := range keys {
					found, _ := key.(map[string]any)["fingerprints"].([]any)
					if len(found) == 0 {
						t.Errorf("%s: %s: repository %s: a key has no fingerprint", path, name, repository["name"])
					}
					for _, f := range found {
						if !fingerprint.MatchString(fmt.Sprint(f)) {
							t.Errorf("%s: %s: %v is no fingerprint", path, name, f)
						}
					}
				}
			}
		}
	}
}

// What Ansible is given beside the inventory's file must not differ from it.
func TestVariablesBesideTheInventoryAreRefused(t *testing.T) {
	good := read(t, filepath.Join("..", "..", "ansible", "tests", "inventory", "hosts.yml"))
	path := filepath.Join(t.TempDir(), "hosts.yml")
	write(t, path, good)
	refusedAtOnce(t, "auth_port is 8081, and for Ansible 9000", "-i", path, "-e", "auth_port=9000")
	write(t, filepath.Join(filepath.Dir(path), "group_vars", "chatd.yml"), "chat_port: 99\n")
	refusedAtOnce(t, "chat_port is set beside the inventory: move it to `all: vars:`", "-i", path)
}

// An INI file is judged as one in YAML is.
func TestAnINIInventoryIsJudgedToo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts.ini")
	write(t, path, "[zabix_server]\nlog public_address=192.0.2.11 private_address=198.51.100.11\n")
	refusedAtOnce(t, `unknown group "zabix_server": write zabbix_server`, "-i", path)
}

// The same of addresses that move, which need several machines.
func TestBadVIPsAreRefusedAtOnce(t *testing.T) {
	good := read(t, filepath.Join("..", "..", "ansible", "tests", "inventory-ha", "hosts.yml"))
	alone := read(t, filepath.Join("..", "..", "ansible", "tests", "inventory", "hosts.yml"))
	for name, c := range map[string]struct{ text, old, new, want string }{
		"no address":   {good, "auth_vip: 192.0.2.21", "auth_vip: auth.example", `auth_vip: "auth.example" is not an IPv4 address: write an IPv4 address`},
		"outside":      {good, "chat_vip: 192.0.2.22", "chat_vip: 198.51.100.22", "chat_vip: 198.51.100.22 is not in 192.0.2.0/24, the public network of log: name a free address"},
		"broadcast":    {good, "chat_vip: 192.0.2.22", "chat_vip: 192.0.2.255", "chat_vip: 192.0.2.255 is no machine's address in 192.0.2.0/24"},
		"a host's":     {good, "auth_vip: 192.0.2.21", "auth_vip: 192.0.2.12", "auth_vip: 192.0.2.12 is also the public_address of chat: name a free address"},
		"twice":        {good, "chat_vip: 192.0.2.22", "chat_vip: 192.0.2.21", "chat_vip: 192.0.2.21 is also the auth_vip: name a free address"},
		"single hosts": {alone, "    auth_port: 8081\n", "    auth_port: 8081\n    auth_vip: 192.0.2.21\n", "auth_vip: only one host could have it: name several hosts in group authd, or remove auth_vip"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(c.text, c.old) {
				t.Fatalf("the inventory has no %q", c.old)
			}
			path := filepath.Join(t.TempDir(), "hosts.yml")
			write(t, path, strings.Replace(c.text, c.old, c.new, 1))
			refusedAtOnce(t, c.want, "-i", path)
		})
	}
}

// The embedded log database has no replicas. An inventory says so for all its machines.
func TestSeveralEmbeddedLogDatabasesAreRefused(t *testing.T) {
	good := read(t, filepath.Join("..", "..", "ansible", "tests", "inventory-ha", "hosts.yml"))
	path := filepath.Join(t.TempDir(), "hosts.yml")
	write(t, path, strings.Replace(good, "  vars:\n", "  vars:\n    mongodb_embedded: true\n", 1))
	refusedAtOnce(t, "group mongodb has 3 hosts: the embedded log database has no replicas: leave one host in it, or run MongoDB of its vendor", "-i", path)
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

// refusedAtOnce fails unless the playbook names the fault before it asks a machine.
func refusedAtOnce(t *testing.T, want string, args ...string) {
	t.Helper()
	if out := refused(t, want, args...); strings.Contains(out, "UNREACHABLE") {
		t.Errorf("a machine was asked first:\n%s", out)
	}
}

func refused(t *testing.T, want string, args ...string) string {
	t.Helper()
	out, err := playbook(t, append([]string{"site.yml", "-e", "lab_program=" + labProgram(t)}, args...)...)
	flat := strings.ReplaceAll(strings.Join(strings.Fields(out), " "), "''", "'") // YAML doubles a quote
	if err == nil || !strings.Contains(flat, want) {
		t.Errorf("want %q, got %v\n%s", want, err, out)
	}
	for _, late := range []string{"changed: [", "Begin to install", "TASK [Gathering Facts]"} {
		if strings.Contains(out, late) {
			t.Errorf("it went on to %q:\n%s", late, out)
		}
	}
	return out
}

func TestMachinesThatCannotCarryTheLabAreNamed(t *testing.T) {
	need(t, "python3")
	out, err := exec.Command("python3", filepath.Join("..", "..", "ansible", "tests", "test_filters.py")).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
