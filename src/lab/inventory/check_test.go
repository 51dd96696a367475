package inventory_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"chatlab/src/lab/inventory"
)

// lines returns the mistakes of a text, one line each.
func lines(text string) []string {
	_, mistakes := inventory.Check("hosts.yml", []byte(text))
	var out []string
	for _, m := range mistakes {
		out = append(out, m.String())
	}
	return out
}

func TestSilentMistakesAreNamed(t *testing.T) {
	for name, tt := range map[string]struct{ old, new, want string }{
		"a port of one host": {"private_address: 10.0.2.2\n", "private_address: 10.0.2.2\n      chat_port: 99\n",
			"hosts.yml:22: host chat: chat_port is set for it alone: move it to `all: vars:`"},
		"a port of a group":     {"chatd: {hosts", "chatd: {vars: {chat_port: 99}, hosts", "hosts.yml:27: group chatd: chat_port is set for it alone: move it"},
		"a port in a group":     {"chatd: {hosts: {chat: {}}}", "chatd: {hosts: {chat: {chat_port: 99}}}", "host chat: chat_port is set for it alone: move it"},
		"a moving address":      {"authd: {hosts", "authd: {vars: {auth_vip: 10.0.1.9}, hosts", "group authd: auth_vip is set for it alone: move it"},
		"a misspelt group":      {"    healthd:", "    zabix_server: {hosts: {log: {}}}\n    healthd:", `unknown group "zabix_server": write zabbix_server; known groups: `},
		"a misspelt variable":   {"    auth_port: 81\n", "    auth_port: 81\n    pasword_min_length: 6\n", "all.vars: nothing reads the variable pasword_min_length: write password_min_length"},
		"a misspelt vip":        {"    auth_port: 81\n", "    auth_port: 81\n    auth_vpi: 10.0.1.9\n", "nothing reads the variable auth_vpi: write auth_vip"},
		"a misspelt address":    {"      public_address: 10.0.1.2\n", "      public_adress: 10.0.1.2\n", "host chat: nothing reads the variable public_adress: write public_address"},
		"a dot in a name":       {"    chat:\n      public", "    chat.one:\n      public", `hosts.yml:19: host "chat.one": not a name: use letters, digits and - only`},
		"two grafanas":          {"    healthd:", "    grafana: {hosts: {log: {}, auth: {}}}\n    healthd:", "group grafana has 2 hosts: its role runs 1 at most: leave 1 in it"},
		"auth servers apart":    {"authd: {hosts: {auth: {}}}", "authd: {hosts: {auth: {}, log: {}}}", "group authd has 2 hosts, and group mariadb none"},
		"TLS, perhaps":          {"    auth_port: 81\n", "    auth_port: 81\n    chat_tls: perhaps\n", `chat_tls: "perhaps" is neither yes nor no: write true or false`},
		"TLS of one host":       {"authd: {hosts", "authd: {vars: {auth_tls: true}, hosts", "group authd: auth_tls is set for it alone: move it"},
		"TLS":                   {"    auth_port: 81\n", "    auth_port: 81\n    auth_tls: yes\n    chat_tls: false\n", ""},
		"embedded log replicas": {"    password_min_length: 6\n", "    mongodb_embedded: yes\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, tt.old, tt.new, 1)
			if text == good {
				t.Fatal("the case changes nothing")
			}
			got := lines(text)
			if tt.want == "" {
				if len(got) > 0 {
					t.Errorf("refused: %q", got)
				}
				return
			}
			if !slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, tt.want) }) {
				t.Errorf("says %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAllMistakesAreShownAtOnce(t *testing.T) {
	got := lines(strings.NewReplacer("auth_port: 81", "auth_port: http", "10.0.1.2", "10.0.1.300", "    logd:", "    logs:").Replace(good))
	if len(got) != 3 {
		t.Errorf("%d: %q", len(got), got)
	}
	_, err := inventory.Parse("hosts.yml", []byte(strings.NewReplacer("auth_port: 81", "auth_port: http", "    logd:", "    logs:").Replace(good)))
	if err == nil || !strings.Contains(err.Error(), "line 4") {
		t.Errorf("the first is %v", err)
	}
}

// group_vars beside the inventory change what Ansible sees, and not what lab reads.
func TestVariablesBesideTheInventoryAreLookedAt(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("hosts.yml", good)
	write("group_vars/all/speed.yml", "zabbix_server_unreachable_period: 15\nmine: 1\n")
	if _, mistakes, err := inventory.CheckFile(dir); err != nil || len(mistakes) > 0 {
		t.Fatalf("%v %v", mistakes, err)
	}
	write("group_vars/all/speed.yml", "zabbix_server_unreachable_perod: 15\n")
	write("host_vars/chat", "# here\nchat_port: 99\n")
	_, mistakes, err := inventory.CheckFile(dir)
	if err != nil || len(mistakes) != 2 || !strings.HasSuffix(mistakes[0].Where(), "group_vars/all/speed.yml:1") ||
		!strings.HasSuffix(mistakes[1].Where(), "host_vars/chat:2") || !strings.Contains(mistakes[1].What, "chat_port is set beside the inventory") {
		t.Errorf("%v %v", mistakes, err)
	}
}

const ini = `[all:vars]
password_min_length=6
auth_port=81
chat_port=82
logd_port=83
healthd_port=84
mongodb_port=85
authd_ops_port=91
chatd_ops_port=92
logd_ops_port=93
healthd_ops_port=94
authd_logger_ops_port=95
chatd_logger_ops_port=96
[authd]
auth public_address=10.0.1.3 private_address=10.0.2.3
[chatd]
chat public_address=10.0.1.2 private_address=10.0.2.2
[logd]
log public_address=10.0.1.1 private_address=10.0.2.1
[mongodb]
log
`

func TestAnINIFileIsReadByAnsible(t *testing.T) {
	if _, err := exec.LookPath("ansible-inventory"); err != nil {
		t.Skip("ansible-inventory is not installed: .ci/packages ansible")
	}
	path := filepath.Join(t.TempDir(), "hosts.ini")
	load := func(text string) (*inventory.Inventory, error) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return inventory.Load(path)
	}
	inv, err := load(ini)
	if err != nil {
		t.Fatal(err)
	}
	if got := inv.Addresses(inventory.Authd); !slices.Equal(got, []string{"10.0.1.3:81"}) || inv.PasswordMinLength() != 6 {
		t.Errorf("%v", got)
	}
	if again, err := inventory.Parse("copy.yml", inv.Text()); err != nil || len(again.Nodes) != 3 {
		t.Errorf("its text: %v", err)
	}
	_, err = load(strings.Replace(ini, "auth public", "auth auth_port=99 public", 1))
	if err == nil || !strings.Contains(err.Error(), "host auth: auth_port is set for it alone") {
		t.Errorf("a port of one host: %v", err)
	}
	_, err = load(strings.Replace(ini, "[logd]", "[logs]", 1))
	if err == nil || !strings.Contains(err.Error(), `unknown group "logs"`) {
		t.Errorf("a misspelt group: %v", err)
	}
	if _, err = load("[a\n"); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("no INI: %v", err)
	}
}

func TestWhatAnsibleSeesOtherwiseIsAMistake(t *testing.T) {
	inv := parse(t, good)
	if got := inv.Differences(parse(t, good)); len(got) > 0 {
		t.Errorf("%v", got)
	}
	for text, want := range map[string]string{
		strings.Replace(good, "auth_port: 81", "auth_port: 99", 1):                        "auth_port is 81, and for Ansible 99",
		strings.Replace(good, "10.0.1.2", "10.0.1.7", 1):                                  "host chat has 10.0.1.2 and 10.0.2.2, and for Ansible 10.0.1.7",
		strings.Replace(good, "logd: {hosts: {log: {}}}", "logd: {hosts: {chat: {}}}", 1): "group logd has log, and for Ansible chat",
	} {
		got := inv.Differences(parse(t, text))
		if len(got) != 1 || !strings.Contains(got[0].String(), want) {
			t.Errorf("%v, want %q", got, want)
		}
	}
}

// A variable that a role takes is known here, or its misspellings could not be told.
func TestTheVariablesOfTheRolesAreKnown(t *testing.T) {
	specs, err := filepath.Glob("../../../ansible/roles/*/meta/argument_specs.yml")
	if err != nil || len(specs) == 0 {
		t.Fatal(specs, err)
	}
	for _, path := range specs {
		if strings.Contains(path, "chatlab_service") {
			continue // the other roles give it its variables
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var spec struct {
			Specs map[string]struct {
				Options map[string]any `yaml:"options"`
			} `yaml:"argument_specs"`
		}
		if err := yaml.Unmarshal(text, &spec); err != nil {
			t.Fatal(err)
		}
		for _, part := range spec.Specs {
			for name := range part.Options {
				if got := lines(strings.Replace(good, "    auth_port: 81\n", "    auth_port: 81\n    "+name+"_: x\n", 1)); len(got) != 1 || !strings.Contains(got[0], "write "+name) {
					t.Errorf("%s: %s is not known: add it to known.go", path, name)
				}
			}
		}
	}
}
