package nspawn

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local"
	"chatlab/src/lab/profile"
)

// text is an inventory of two machines; tests replace parts of it.
const text = `all:
  vars: {auth_port: 81, chat_port: 82, logd_port: 83, healthd_port: 84, mongodb_port: 85, authd_ops_port: 91, chatd_ops_port: 92,
    logd_ops_port: 93, healthd_ops_port: 94, authd_logger_ops_port: 95, chatd_logger_ops_port: 96}
  hosts:
    one: {public_address: 10.99.1.11, private_address: 10.99.2.11}
    two: {public_address: 10.99.1.12, private_address: 10.99.2.12}
  children:
    authd: {hosts: {one: {}}}
    chatd: {hosts: {two: {}}}
    logd: {hosts: {one: {}}}
    healthd: {hosts: {one: {}, two: {}}}
    mongodb: {hosts: {one: {}}}
`

func parse(t *testing.T, text string) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.Parse("hosts.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestNamesFitTheKernelAndKeepLabsApart(t *testing.T) {
	a, b := namesOf("/var/tmp/a"), namesOf("/var/tmp/b")
	if a == b || a != namesOf("/var/tmp/a/") {
		t.Errorf("%v %v", a, b)
	}
	for _, name := range []string{a.publicBridge(), a.privateBridge(), a.natBridge(), a.publicLink(9), a.privateLink(99), a.natLink(99), insidePrivate} {
		if len(name) > 15 {
			t.Errorf("%s has %d bytes", name, len(name))
		}
		if strings.HasPrefix(name, b.links()) {
			t.Errorf("%s could be of another lab", name)
		}
	}
	if !regexp.MustCompile(`^chatlab-[0-9a-f]{6}-log$`).MatchString(a.machine("log")) || !strings.HasPrefix(a.loss(1), a.table()) {
		t.Error(a.machine("log"), a.loss(1))
	}
}

func TestAnInventoryThatCannotBeMachinesIsRefused(t *testing.T) {
	fits := func(text string) error { return network{namesOf("/x"), parse(t, text)}.fits() }
	if err := fits(text); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ old, new, want string }{
		"loopback":        {"10.99.1.12", "127.0.1.12", "host two: target nspawn takes IPv4"},
		"another public":  {"10.99.1.12", "10.99.7.12", "host two: public_address 10.99.7.12 is outside 10.99.1.0/24"},
		"another private": {"10.99.2.12", "10.99.7.12", "host two: private_address 10.99.7.12 is outside 10.99.2.0/24"},
		"the host's":      {"10.99.1.12", "10.99.1.1", "host two: public_address 10.99.1.1 is this machine's own"},
	} {
		err := fits(strings.ReplaceAll(text, c.old, c.new))
		if !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), c.want) || errs.FixOf(err) == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestANetworkThatThisHostHasIsNamed(t *testing.T) {
	if name := (network{names: namesOf("/x")}).holder(netip.MustParsePrefix("127.0.0.0/24")); name != "lo" {
		t.Errorf("%q", name)
	}
}

func TestRulesKeepTheLabsNetworksApart(t *testing.T) {
	w := network{namesOf("/x"), parse(t, text)}
	rules := w.rules(netip.MustParsePrefix("198.18.7.0/24"))
	for _, want := range []string{
		"ip saddr 198.18.7.0/24 oifname != \"" + w.natBridge() + "\" masquerade",
		"ip daddr { 10.99.1.0/24, 10.99.2.0/24, 198.18.7.0/24 } drop", "delete table ip " + w.table(),
	} {
		if !strings.Contains(rules, want) {
			t.Errorf("no %q in %s", want, rules)
		}
	}
	if a := natAddress(netip.MustParsePrefix("198.18.7.0/24"), 2); a.String() != "198.18.7.12" {
		t.Error(a)
	}
	if loss := lossRules("t", "v0", 10); strings.Count(loss, "numgen random mod 100 < 10 drop") != 2 || strings.Count(loss, `device "v0"`) != 2 {
		t.Error(loss)
	}
}

func TestAptFollowsThisHost(t *testing.T) {
	sources := sourcesFrom("http://m/security/ bookworm-security main\nhttp://m/debian/ bookworm main\nhttp://m/debian/ bookworm contrib\n"+
		"http://m/debian/ bookworm main\nhttps://other/ nodistro main\n", "bookworm")
	if want := "deb http://m/debian bookworm main\ndeb http://m/security bookworm-security main\n"; sources != want {
		t.Errorf("%q", sources)
	}
	for text, want := range map[string]string{
		"http://m/debian/ bookworm-updates main\nhttp://m/security/ bookworm-security main\nhttp://m/debian/ bookworm main\nhttp://m/debian/ bookworm-backports main\n": "deb http://m/debian trixie main\n" +
			"deb http://m/debian trixie-updates main\ndeb http://m/security trixie-security main\n",
		"http://m/old/ bookworm main\nhttp://m/new/ trixie main\n": "deb http://m/new trixie main\n",
		"http://m/security/ bookworm-security main\n":              defaultSources("trixie"),
	} {
		if sources := sourcesFrom(text, "trixie"); sources != want {
			t.Errorf("%q: %q", text, sources)
		}
	}
	settings := settingsFrom("Acquire::http::Proxy \"http://p:3128\";\nAcquire::cdrom::mount \"/media\";\nAcquire::Check-Date \"false\";\n")
	if !strings.Contains(settings, "Proxy \"http://p:3128\";\n") || !strings.Contains(settings, "Check-Date") || strings.Contains(settings, "cdrom") {
		t.Errorf("%q", settings)
	}
}

func TestAnImageIsBuiltAnewWhenItsRecipeChanges(t *testing.T) {
	a := &image{dir: t.TempDir(), system: profile.System{Suite: "bookworm"}, sources: defaultSources("bookworm"), certs: map[string][]byte{"x.crt": []byte("x")}}
	b := *a
	b.apt = "Acquire::http::Proxy \"http://p\";"
	same := *a
	if a.path() == b.path() || a.path() != same.path() {
		t.Error(a.path(), b.path(), same.path())
	}
	if err := os.MkdirAll(a.path(), 0o755); err != nil {
		t.Fatal(err)
	}
	if path, err := a.ensure(t.Context(), lab.Silent{}); err != nil || path != a.path() {
		t.Errorf("an image that is there: %s %v", path, err)
	}
}

func TestKeysAreMadeOnceAndMachinesKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets", "ssh.key")
	key, err := ensureKey(path, "a comment")
	if err != nil {
		t.Fatal(err)
	}
	again, err := ensureKey(path, "")
	if err != nil || string(again.Marshal()) != string(key.Marshal()) {
		t.Error("a second key was made", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	hosts := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(hosts, knownHosts(map[string]ssh.PublicKey{"10.0.0.1": key}, []string{"10.0.0.1"}), 0o600); err != nil {
		t.Fatal(err)
	}
	check, err := knownhosts.New(hosts)
	if err != nil {
		t.Fatal(err)
	}
	if err := check("10.0.0.1:22", &address{}, key); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ensureKey(path, ""); !errs.Is(err, errs.Usage) || errs.FixOf(err) == "" {
		t.Error(err)
	}
}

type address struct{}

func (*address) Network() string { return "tcp" }
func (*address) String() string  { return "10.0.0.1:22" }

func TestAMachinesFilesAreItsOwn(t *testing.T) {
	inv := parse(t, text)
	m := &machine{node: inv.Nodes[1], index: 1}
	key, err := ensureKey(filepath.Join(t.TempDir(), "k"), "")
	if err != nil {
		t.Fatal(err)
	}
	files := m.files(netip.MustParsePrefix("198.18.7.0/24"), []byte("host key"), key)
	for name, want := range map[string]string{
		"etc/hostname":                           "two\n",
		"etc/systemd/network/10-private.network": "Address=10.99.2.12/24\nConfigureWithoutCarrier=yes\nIgnoreCarrierLoss=yes\n",
		"etc/systemd/network/10-nat.network":     "Gateway=198.18.7.1\n",
		"etc/ssh/ssh_host_ed25519_key":           "host key",
		"root/.ssh/authorized_keys":              "ssh-ed25519 ",
	} {
		if !strings.Contains(string(files[name]), want) {
			t.Errorf("%s: %q", name, files[name])
		}
	}
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.Symlink(outside, filepath.Join(root, "etc", "hostname")); err != nil {
		t.Fatal(err)
	}
	if err := writeTree(root, files); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(outside); err == nil {
		t.Error("a link led out of the machine")
	}
}

func TestAFailedCommandIsToldInALine(t *testing.T) {
	_, err := output(t.Context(), "sh", "-c", "echo first; echo the reason >&2; exit 3")
	if !errs.Is(err, errs.Failed) || !strings.Contains(err.Error(), "the reason") || strings.Contains(err.Error(), "first") {
		t.Error(err)
	}
	if _, err := output(t.Context(), "no-such-program"); !errs.Is(err, errs.Usage) || !strings.Contains(errs.FixOf(err), "doctor") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := output(ctx, "sleep", "9"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestDownWithoutAnythingIsNoError(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("bridges, namespaces and rules need root")
	}
	dir := filepath.Join(t.TempDir(), "lab")
	machines, err := NewMachines(Config{State: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := machines.Down(t.Context(), true, lab.Silent{}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the state folder was made")
	}
}

func TestTheDoctorNamesEachThing(t *testing.T) {
	target, err := New(Config{State: t.TempDir(), Inventory: parse(t, strings.ReplaceAll(text, "10.99.2.12", "127.0.9.12")), Project: "/nowhere"})
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]bool{}
	for _, f := range target.Doctor(t.Context()) {
		if f.Result == local.Fail && (f.Why == "" || f.Fix == "") {
			t.Errorf("%+v", f)
		}
		bad[f.Name] = f.Result == local.Fail
	}
	if !bad["inventory"] || len(bad) < len(tools)+4 {
		t.Errorf("%v", bad)
	}
	if err := target.Up(t.Context(), lab.Silent{}); !errs.Is(err, errs.Usage) {
		t.Error(err)
	}
}
