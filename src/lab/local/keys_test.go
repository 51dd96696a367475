package local

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"chatlab/src/lab/inventory"
)

// onlyHere are keys that the playbook does not set, onlyThere those that the local
// target leaves at their defaults or has no use for.
var (
	onlyHere = []string{
		"database.path", "limits.keep_bytes", // SQLite, where no MariaDB is rendered; a laptop's disk
		"mongodb.tls.ca", "mongodb.tls.cert", "mongodb.tls.key", "mongodb_by_logd", // the embedded one, where MongoDB is rendered
	}
	onlyThere = []string{
		"also", "limits", // of several addresses, and of an inventory's own choice
		"database.addresses", "database.name", "database.user", "database.password_file", // MariaDB
		"database.schema_user", "database.schema_password_file",
		"mongodb.uri", "mongodb.user", "mongodb.password_file", // the embedded one has no users
		"mariadb", "tls", // of healthd
	}
)

// TestKeysAreThoseOfTheRoles compares the local target's configuration files with
// those that the playbook renders.
func TestKeysAreThoseOfTheRoles(t *testing.T) {
	inv, err := inventory.Load("../../../ansible/inventories/local-ha")
	if err != nil {
		t.Fatal(err)
	}
	target, err := New(Config{State: t.TempDir(), Inventory: inv})
	if err != nil {
		t.Fatal(err)
	}
	configs, err := target.configs()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"authd", "authd-logger", "chatd", "chatd-logger", "healthd", "logd"} {
		here, there := map[string]bool{}, map[string]bool{}
		for path, text := range configs {
			if strings.HasSuffix(path, "-"+name+".yml") {
				addKeys(t, text, here)
			}
		}
		rendered, err := filepath.Glob("../../../ansible/tests/golden/*/*/etc/chatlab/" + name + ".yml")
		if err != nil || len(rendered) == 0 || len(here) == 0 {
			t.Fatalf("%s: %d rendered, %d keys here: %v", name, len(rendered), len(here), err)
		}
		for _, path := range rendered {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			addKeys(t, text, there)
		}
		excess(t, name+": the roles' templates do not set", here, there, onlyHere)
		excess(t, name+": the local target does not set", there, here, onlyThere)
	}
}

// excess reports the keys of one side that the other lacks.
func excess(t *testing.T, what string, these, others map[string]bool, known []string) {
	t.Helper()
	for key := range these {
		top, _, _ := strings.Cut(key, ".")
		if !others[key] && !slices.Contains(known, key) && !slices.Contains(known, top) {
			t.Errorf("%s %s", what, key)
		}
	}
}

// addKeys adds the dotted names of all that a document sets.
func addKeys(t *testing.T, text []byte, to map[string]bool) {
	t.Helper()
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var walk func(prefix string, m map[string]any)
	walk = func(prefix string, m map[string]any) {
		for key, value := range m {
			if below, ok := value.(map[string]any); ok {
				walk(fmt.Sprint(prefix, key, "."), below)
			} else {
				to[prefix+key] = true
			}
		}
	}
	walk("", doc)
}
