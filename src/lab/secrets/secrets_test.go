package secrets_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/secrets"
	"chatlab/src/token"
)

var start = time.Now()

func store(t *testing.T, name string) *secrets.Store {
	t.Helper()
	inv, err := inventory.Load("../../../ansible/inventories/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return &secrets.Store{Dir: filepath.Join(t.TempDir(), "secrets"), Inventory: inv, Now: start}
}

func makeAll(t *testing.T, s *secrets.Store) []string {
	t.Helper()
	made, err := s.Make()
	if err != nil || made.Changed != (len(made.Made) > 0) {
		t.Fatal(made, err)
	}
	return made.Made
}

func text(t *testing.T, s *secrets.Store, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEachSecretIsMadeOnce(t *testing.T) {
	s := store(t, "lab")
	s.Check = true
	would := makeAll(t, s)
	if _, err := os.Stat(s.Dir); !os.IsNotExist(err) {
		t.Errorf("--check wrote: %v", err)
	}
	s.Check = false
	made := makeAll(t, s)
	if !slices.Equal(made, would) {
		t.Errorf("made %q, --check said %q", made, would)
	}
	for _, name := range []string{"jwt.key", "mariadb.password", "mariadb-schema.password", "mongodb.password", "mongodb-admin.password", "mongodb-set.key",
		"zabbix.password", "zabbix-grafana.password", "grafana.password", "grafana-secret.key", "ca", "operator", "auth-authd-logger", "log-zabbix-server"} {
		if !slices.Contains(made, name) {
			t.Errorf("%s was not made: %q", name, made)
		}
	}
	if again := makeAll(t, s); len(again) > 0 {
		t.Errorf("made again: %q", again)
	}
	files, err := os.ReadDir(s.Dir)
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(s.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v %v", info.Mode(), err)
	}
	if keys, err := token.ParseKeys([]byte(text(t, s, "jwt.key"))); err != nil || len(keys) != 1 {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

func TestOnlyWhatIsAbsentIsMade(t *testing.T) {
	s := store(t, "lab")
	makeAll(t, s)
	if err := os.Remove(filepath.Join(s.Dir, "zabbix.password")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.Dir, "log-logd.key")); err != nil {
		t.Fatal(err)
	}
	if made := makeAll(t, s); !slices.Equal(made, []string{"zabbix.password", "log-logd"}) {
		t.Errorf("%q", made)
	}
	s.Now = start.AddDate(0, 11, 0)
	if made := makeAll(t, s); slices.Contains(made, "ca") || !slices.Contains(made, "operator") || slices.Contains(made, "jwt.key") {
		t.Errorf("a month before the end: %q", made)
	}
	for _, e := range s.Show() {
		if e.Problem != "" {
			t.Errorf("%+v", e)
		}
	}
}

func TestAllAreRemovedAndNothingElse(t *testing.T) {
	s := store(t, "lab")
	makeAll(t, s)
	if err := os.WriteFile(filepath.Join(s.Dir, "ssh.key"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if removed, err := s.Remove(); err != nil || !removed.Changed {
		t.Fatal(removed, err)
	}
	left, err := os.ReadDir(s.Dir)
	if err != nil || len(left) != 1 || left[0].Name() != "ssh.key" {
		t.Errorf("left: %v %v", left, err)
	}
	if removed, err := s.Remove(); err != nil || removed.Changed {
		t.Errorf("again: %v %v", removed, err)
	}
}

func TestALabHasTheSecretsOfItsParts(t *testing.T) {
	s := store(t, "lab")
	s.Inventory.Set("mongodb_embedded", "True")
	s.Inventory.Set("grafana_absent", "true")
	made := makeAll(t, s)
	for _, name := range made {
		if strings.HasPrefix(name, "mongodb") || strings.Contains(name, "grafana") {
			t.Errorf("%s was made", name)
		}
	}
	s = store(t, "local")
	s.Processes = true
	for _, name := range makeAll(t, s) {
		if strings.HasSuffix(name, ".password") {
			t.Errorf("%s was made for processes", name)
		}
	}
}

// What rotate.yml relies on: the new secret is last, and known, before it is first.
func TestARotationAddsBeforeItUses(t *testing.T) {
	s := store(t, "lab")
	makeAll(t, s)
	password, key, cert := text(t, s, "mariadb.password"), text(t, s, "jwt.key"), text(t, s, "log-logd.pem")
	rotate(t, s, secrets.Add)
	both := strings.Fields(text(t, s, "mariadb.password"))
	if len(both) != 2 || both[0]+"\n" != password || text(t, s, "log-logd.pem") == cert {
		t.Fatalf("%q", both)
	}
	rotate(t, s, secrets.Add) // one that was cut short begins again
	if again := strings.Fields(text(t, s, "mariadb.password")); !slices.Equal(again, both) {
		t.Errorf("the one that databases took is not the last any more: %q", again)
	}
	rotate(t, s, secrets.Use)
	if now := text(t, s, "mariadb.password"); now != both[1]+"\n" {
		t.Errorf("%q", now)
	}
	keys := strings.Fields(text(t, s, "jwt.key"))
	if len(keys) != 3 || keys[1]+"\n" != key {
		t.Errorf("%d keys; the one of before must verify still", len(keys))
	}
	for range 3 {
		rotate(t, s, secrets.Add)
		rotate(t, s, secrets.Use)
	}
	if keys := strings.Fields(text(t, s, "jwt.key")); len(keys) != 3 {
		t.Errorf("%d keys stay", len(keys))
	}
	if _, err := token.ParseKeys([]byte(text(t, s, "jwt.key"))); err != nil {
		t.Error(err)
	}
}

func rotate(t *testing.T, s *secrets.Store, step string, kinds ...string) []string {
	t.Helper()
	made, err := s.Rotate(step, kinds)
	if err != nil {
		t.Fatal(err)
	}
	return made.Made
}

func TestARotationOfOneKind(t *testing.T) {
	s := store(t, "lab")
	makeAll(t, s)
	if made := rotate(t, s, secrets.Add, secrets.KindJWT); !slices.Equal(made, []string{"jwt.key"}) {
		t.Errorf("%q", made)
	}
	s.Check = true
	before := text(t, s, "mariadb.password")
	if made := rotate(t, s, secrets.Add, secrets.KindPasswords); !slices.Contains(made, "mariadb.password") || text(t, s, "mariadb.password") != before {
		t.Errorf("--check: %q", made)
	}
	for _, c := range []struct{ step, kind string }{{"ad", "jwt"}, {secrets.Add, "pasword"}} {
		if _, err := s.Rotate(c.step, []string{c.kind}); !errs.Is(err, errs.Usage) || errs.FixOf(err) == "" {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func TestAKeyFileThatCannotBeUsedStays(t *testing.T) {
	s := store(t, "lab")
	makeAll(t, s)
	path := filepath.Join(s.Dir, secrets.JWT)
	if err := os.WriteFile(path, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Make(); !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), "jwt.key") || text(t, s, secrets.JWT) != "short\n" {
		t.Errorf("%v", err)
	}
	for _, e := range s.Show() {
		if e.Name == secrets.JWT && e.Kind != secrets.KindJWT {
			t.Errorf("%+v", e)
		}
	}
}
