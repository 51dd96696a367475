package inventory_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
)

// good is a lab of three nodes, each service on one, two healthd.
const good = `all:
  vars:
    password_min_length: 6
    auth_port: 81
    chat_port: 82
    logd_port: 83
    healthd_port: 84
    mongodb_port: 85
    authd_ops_port: 91
    chatd_ops_port: 92
    logd_ops_port: 93
    healthd_ops_port: 94
    authd_logger_ops_port: 95
    chatd_logger_ops_port: 96
  hosts:
    log:
      public_address: 10.0.1.1
      private_address: 10.0.2.1
    chat:
      public_address: 10.0.1.2
      private_address: 10.0.2.2
    auth:
      public_address: 10.0.1.3
      private_address: 10.0.2.3
  children:
    authd: {hosts: {auth: {}}}
    chatd: {hosts: {chat: {}}}
    logd: {hosts: {log: {}}}
    healthd: {hosts: {auth: {}, log: {}}}
    mongodb: {hosts: {log: {}}}
`

func parse(t *testing.T, text string) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.Parse("hosts.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestALabIsReadWhole(t *testing.T) {
	inv := parse(t, good)
	if len(inv.Nodes) != 3 || inv.Nodes[0].Name != "log" || inv.PasswordMinLength() != 6 || inv.Port("auth") != 81 {
		t.Errorf("%+v", inv)
	}
	for _, tt := range []struct{ what, got, want string }{
		{"authd", strings.Join(inv.Addresses(inventory.Authd), " "), "10.0.1.3:81"},
		{"chatd", strings.Join(inv.Addresses(inventory.Chatd), " "), "10.0.1.2:82"},
		{"logd", strings.Join(inv.Addresses(inventory.Logd), " "), "10.0.2.1:83"},
		{"mongodb", strings.Join(inv.Addresses(inventory.MongoDB), " "), "10.0.2.1:85"},
		{"healthd, in the order of the nodes", strings.Join(inv.Addresses(inventory.Healthd), " "), "10.0.2.1:84 10.0.2.3:84"},
		{"authd's ops", strings.Join(inv.OpsAddresses(inventory.Authd), " "), "10.0.2.3:91"},
		{"its logger's ops", inv.OpsAddress("authd_logger", inv.Members(inventory.Authd)[0]), "10.0.2.3:95"},
		{"services of log", strings.Join(inv.Services(inv.Nodes[0]), " "), "mongodb logd healthd"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, tt.got, tt.want)
		}
	}
	if _, ok := inv.Node("nobody"); ok {
		t.Error("a node that is not there was found")
	}
}

func TestSeveralMembersAndIPv6(t *testing.T) {
	text := strings.NewReplacer("authd: {hosts: {auth: {}}}", "authd: {hosts: {chat: {}, auth: {}, log: {}}}\n    mariadb: {hosts: {log: {}}}",
		"    auth_port: 81\n", "    auth_port: 81\n    mariadb_port: 86\n", "10.0.1.3", "fd00:1::3", "10.0.2.3", "fd00:2::3").Replace(good)
	inv := parse(t, text)
	want := []string{"10.0.1.1:81", "10.0.1.2:81", "[fd00:1::3]:81"}
	if got := inv.Addresses(inventory.Authd); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestSeveralChatServersHaveRoutes(t *testing.T) {
	if inv := parse(t, good); len(inv.PeerAddresses(inventory.Chatd)) != 0 {
		t.Errorf("one chatd has routes to %v", inv.PeerAddresses(inventory.Chatd))
	}
	inv := parse(t, strings.NewReplacer("chatd: {hosts: {chat: {}}}", "chatd: {hosts: {chat: {}, auth: {}, log: {}}}",
		"    auth_port: 81\n", "    auth_port: 81\n    chatd_routes_port: 99\n").Replace(good))
	want := []string{"10.0.2.1:99", "10.0.2.2:99", "10.0.2.3:99"}
	if got := inv.PeerAddresses(inventory.Chatd); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// several is good with an auth server and a chat server on each node, and an address
// for each service.
var several = strings.NewReplacer("authd: {hosts: {auth: {}}}", "authd: {hosts: {chat: {}, auth: {}, log: {}}}\n    mariadb: {hosts: {log: {}}}",
	"chatd: {hosts: {chat: {}}}", "chatd: {hosts: {chat: {}, auth: {}, log: {}}}",
	"    auth_port: 81\n", "    auth_port: 81\n    mariadb_port: 86\n    chatd_routes_port: 99\n    auth_vip: 10.0.1.8\n    chat_vip: 10.0.1.9\n").Replace(good)

func TestAServiceHasAnAddressThatMoves(t *testing.T) {
	inv := parse(t, several)
	for service, want := range map[string]string{inventory.Authd: "10.0.1.8:81", inventory.Chatd: "10.0.1.9:82", inventory.Logd: ""} {
		if got := inv.VIP(service); got != want {
			t.Errorf("%s: %q, want %q", service, got, want)
		}
		if got := parse(t, good).VIP(service); got != "" {
			t.Errorf("%s: %q where the inventory names none", service, got)
		}
	}
}

func TestAnAddressThatCannotMoveIsRefused(t *testing.T) {
	for name, tt := range map[string]struct{ text, old, new, want, fix string }{
		"no address":   {several, "auth_vip: 10.0.1.8", "auth_vip: auth.example", `auth_vip: "auth.example" is not an IPv4 address`, "without port"},
		"outside":      {several, "chat_vip: 10.0.1.9", "chat_vip: 10.0.3.9", "chat_vip: 10.0.3.9 is not in 10.0.1.0/24, the public network of log", "free address"},
		"a host's":     {several, "auth_vip: 10.0.1.8", "auth_vip: 10.0.2.2", "auth_vip: 10.0.2.2 is also the private_address of chat", "free address"},
		"twice":        {several, "chat_vip: 10.0.1.9", "chat_vip: 10.0.1.8", "chat_vip: 10.0.1.8 is also the auth_vip", "free address"},
		"single hosts": {good, "    auth_port: 81\n", "    auth_port: 81\n    auth_vip: 10.0.1.8\n", "auth_vip: only one host could have it", "remove auth_vip"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := inventory.Parse("hosts.yml", []byte(strings.Replace(tt.text, tt.old, tt.new, 1)))
			if !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(errs.FixOf(err), tt.fix) {
				t.Errorf("says %v, fix %q; want %q, %q", err, errs.FixOf(err), tt.want, tt.fix)
			}
		})
	}
}

func TestEachMistakeIsNamedWithItsFix(t *testing.T) {
	tests := map[string]struct{ old, new, want, fix string }{
		"public address missing":   {"      public_address: 10.0.1.2\n", "", "host chat: public_address is missing", "add public_address"},
		"private address missing":  {"      private_address: 10.0.2.3\n", "", "host auth: private_address is missing", "add private_address"},
		"duplicate address":        {"10.0.2.2", "10.0.2.1", "line 21: host chat: private_address 10.0.2.1 is also the private_address of log", "of its own"},
		"public is another's":      {"10.0.1.3", "10.0.2.2", "host auth: public_address 10.0.2.2 is also the private_address of chat", "of its own"},
		"both the same":            {"10.0.2.1", "10.0.1.1", "host log: private_address 10.0.1.1 is also the public_address of log", "of its own"},
		"both in one network":      {"10.0.2.1", "10.0.1.9", "host log: 10.0.1.1 and 10.0.1.9 are in the same network", "different /24s"},
		"not an address":           {"10.0.1.2", "10.0.1.300", `host chat: public_address "10.0.1.300" is not an IP address`, "IP address"},
		"address with prefix":      {"10.0.1.2", "10.0.1.2/24", `"10.0.1.2/24" is not an IP address`, "without port or prefix"},
		"a name for an address":    {"10.0.1.2", "chat.example", "is not an IP address", "IP address"},
		"no single address":        {"10.0.1.2", "0.0.0.0", "0.0.0.0 is not the address of one machine", "one machine"},
		"address is a list":        {"10.0.1.2", "[10.0.1.2]", "is not a single value", "one value"},
		"host in no group":         {"chatd: {hosts: {chat: {}}}", "chatd: {hosts: {log: {}}}", "host chat is in no group", "name it in a group"},
		"unknown host in group":    {"logd: {hosts: {log: {}}}", "logd: {hosts: {lgo: {}}}", `group logd: unknown host "lgo"`, "add it to"},
		"unknown group":            {"    logd:", "    logs:", `unknown group "logs"`, "known groups"},
		"group with no host":       {"logd: {hosts: {log: {}}}", "logd: {hosts: {}}", "group logd has no host", "name the machine"},
		"group missing":            {"    mongodb: {hosts: {log: {}}}\n", "", "group mongodb has no host", "name the machine"},
		"group is a list":          {"logd: {hosts: {log: {}}}", "logd: {hosts: [log]}", "is not a mapping", "indented"},
		"group with odd key":       {"logd: {hosts: {log: {}}}", "logd: {members: {log: {}}}", `group logd: unknown key "members"`, "below `hosts:`"},
		"two chatd":                {"chatd: {hosts: {chat: {}}}", "chatd: {hosts: {chat: {}, log: {}}}", "group chatd has two hosts: when one is away, the other cannot tell", "a third host"},
		"three without routes":     {"chatd: {hosts: {chat: {}}}", "chatd: {hosts: {chat: {}, log: {}, auth: {}}}", "chatd_routes_port is missing, which group chatd needs", "all: vars"},
		"port missing":             {"    auth_port: 81\n", "", "auth_port is missing, which group authd needs", "all: vars"},
		"port of a logger missing": {"    chatd_logger_ops_port: 96\n", "", "chatd_logger_ops_port is missing", "all: vars"},
		"port is no number":        {"auth_port: 81", "auth_port: http", `auth_port: "http" is not a port`, "1 to 65535"},
		"port too high":            {"auth_port: 81", "auth_port: 65536", "is not a port", "1 to 65535"},
		"ports clash":              {"logd_ops_port: 93", "logd_ops_port: 83", "host log: logd_port and logd_ops_port are both 10.0.2.1:83", "of its own"},
		"password length":          {"password_min_length: 6", "password_min_length: none", `"none" is not a length`, "1 to 128"},
		"host twice":               {"    auth:\n      public", "    log:\n      public", `has "log" twice`, "remove one"},
		"bad name":                 {"    auth:\n      public", "    au th:\n      public", `host "au th": not a name`, "letters"},
		"not YAML":                 {"  vars:", "  vars: [", "did not find", "correct the YAML"},
		"unknown key in all":       {"  vars:", "  varz:", `unknown key "varz" below`, "only vars"},
		"key beside all":           {"all:", "alls:", `unknown key "alls"`, "below `all:`"},
		"no hosts":                 {good, "all: {}", "no hosts", "list the machines"},
		"empty":                    {good, "", "empty", "copy"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, tt.old, tt.new, 1)
			if text == good {
				t.Fatal("the case changes nothing")
			}
			_, err := inventory.Parse("hosts.yml", []byte(text))
			if !errs.Is(err, errs.Usage) {
				t.Fatalf("error %v", err)
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "inventory hosts.yml") || strings.Contains(err.Error(), "\n") {
				t.Errorf("says %q, want %q", err, tt.want)
			}
			if !strings.Contains(errs.FixOf(err), tt.fix) {
				t.Errorf("fix %q, want %q", errs.FixOf(err), tt.fix)
			}
		})
	}
}

func TestLoadTakesAFolderOrAFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "hosts.yml")
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{dir, path} {
		if inv, err := inventory.Load(p); err != nil || inv.Path != path {
			t.Errorf("%s: %v", p, err)
		}
	}
	if _, err := inventory.Load(filepath.Join(dir, "none")); !errs.Is(err, errs.Usage) || errs.FixOf(err) == "" {
		t.Errorf("no file: %v", err)
	}
}

func TestTheProjectsInventoriesAreGood(t *testing.T) {
	paths, err := filepath.Glob("../../../ansible/inventories/*/hosts.yml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no inventories: %v", err)
	}
	for _, path := range paths {
		if _, err := inventory.Load(path); err != nil {
			t.Error(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("all: &a {hosts: *a}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		inv, err := inventory.Parse("x", text)
		if (inv == nil) == (err == nil) {
			t.Fatalf("%v %v", inv, err)
		}
		if err != nil && !errs.Is(err, errs.Usage) {
			t.Fatalf("code %s", errs.CodeOf(err))
		}
	})
}
