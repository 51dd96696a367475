// Package src holds no code: only the test that keeps the tree's layers apart.
package src

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The ground and the leaves may be imported by every package. Leaves import only
// each other and the ground, the ground only errs.
var (
	ground = []string{"errs", "wait", "files"}
	leaves = []string{"app", "dial", "token", "mtls", "event", "wire", "zbx", "metrics"}
)

// services hold what the daemons do; adapters one technology each.
var (
	services = []string{"auth", "chat", "logger", "logd", "health", "client"}
	adapters = []string{"sqlite", "mariadb", "mongodb", "natslog", "ferret"}
)

// mayImport says, for each top-level folder of src, which others its code may
// import beyond the leaves and the ground. The folders of one name (lab, lab/check…) are one.
var mayImport = map[string][]string{
	"sqlite":    {"auth"},
	"mariadb":   {"auth"},
	"mongodb":   {"logd"},
	"natslog":   {"chat"},
	"health":    {"client"},
	"grafana":   {"zabbix"}, // dashboards, of the templates' items
	"lab":       {"client", "mongodb", "ferret", "zabbix", "grafana"},
	"zabbix":    {"health"},                                            // the templates are of the health checks
	"testkit":   slices.Concat(services, adapters, []string{"zabbix"}), // and nothing that ships imports it
	"gen":       {"zabbix", "grafana"},
	"packaging": {"lab"}, // the profiles, an archive for each
	"cmd":       slices.Concat(services, adapters, []string{"lab"}),
}

// drivers are the modules that only an adapter may touch, and the test kit, which starts the servers.
var drivers = map[string][]string{
	"github.com/go-sql-driver/mysql":   {"mariadb", "testkit"},
	"modernc.org/sqlite":               {"sqlite", "ferret"},
	"go.mongodb.org/mongo-driver":      {"mongodb"},
	"github.com/nats-io/":              {"natslog"},
	"github.com/FerretDB/FerretDB":     {"ferret"},
	"github.com/golang-jwt/jwt":        {"token", "lab"}, // lab's checks forge tokens
	"github.com/spf13/cobra":           {"cmd"},
	"github.com/spf13/viper":           {"app"},
	"github.com/pressly/goose":         {"mariadb", "sqlite"},
	"golang.org/x/crypto/argon2":       {"auth"},
	"golang.org/x/crypto/ssh":          {"lab"},
	"github.com/google/renameio":       {"files"},
	"github.com/getkin/kin-openapi":    {},
	"github.com/rogpeppe/go-internal/": {},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		from := folder(p.ImportPath)
		for _, imp := range p.Imports {
			if to := folder(imp); to != "" && to != from && !allowed(from, to) {
				t.Errorf("%s imports %s: %s may not import %s", p.ImportPath, imp, from, to)
			}
			for driver, users := range drivers {
				if strings.HasPrefix(imp, driver) && !slices.Contains(users, from) {
					t.Errorf("%s imports %s: that is for %v only", p.ImportPath, imp, users)
				}
			}
		}
	}
}

func TestEveryFolderHasItsPlace(t *testing.T) {
	known := slices.Concat(ground, leaves, services, adapters, []string{"cmd", "gen", "lab", "zabbix", "grafana", "bench", "packaging", "src", "testkit"})
	for _, p := range packages(t) {
		if f := folder(p.ImportPath); !slices.Contains(known, f) {
			t.Errorf("%s: %q is in no layer of this test; give it one", p.ImportPath, f)
		}
	}
}

func allowed(from, to string) bool {
	switch {
	case to == "errs", slices.Contains(mayImport[from], to):
		return true
	case slices.Contains(ground, from):
		return false
	}
	return slices.Contains(ground, to) || slices.Contains(leaves, to)
}

// folder returns "auth" for chatlab/src/testkit/authtest, "" for foreign paths.
func folder(path string) string {
	rest, ours := strings.CutPrefix(path+"/", "chatlab/src/")
	if !ours {
		return ""
	}
	first, _, _ := strings.Cut(rest, "/")
	if first == "" {
		return "src"
	}
	return first
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < len(leaves) {
		t.Fatalf("go list found %d packages only", len(all))
	}
	return all
}
