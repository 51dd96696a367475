package laptop

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"chatlab/src/errs"
	"chatlab/src/lab/local"
)

// settings are the tables vagrant/*.yml with the user's own file over them. The
// Vagrantfile reads the same and refuses its mistakes.
type settings struct {
	Profile   string
	Provider  string
	Memory    int
	Machines  map[string]struct{ Memory int }
	Ansible   string
	Variables map[string]any

	Boxes     map[string]map[string]boxSettings // profile → provider
	Networks  map[string]map[string]any         // name → address, and options by provider
	Providers map[string]map[string]any         // name → its own settings
	own       string                            // the user's file, as people should name it
}

// tables are the files beside settings.yml, each below a key of its name.
var tables = []string{"boxes", "networks", "providers"}

// readSettings reads the tables of a project. Code usage.
func readSettings(project string) (settings, error) {
	dir := filepath.Join(project, "vagrant")
	all, err := readTable(filepath.Join(dir, "settings.yml"))
	for _, name := range tables {
		if err == nil {
			all[name], err = readTable(filepath.Join(dir, name+".yml"))
		}
	}
	if err != nil {
		return settings{}, err
	}
	own := os.Getenv("CHATLAB_VAGRANT_LOCAL")
	file := own
	if file == "" {
		own, file = "vagrant/local.yml", filepath.Join(dir, "local.yml")
	} else if !filepath.IsAbs(file) {
		file = filepath.Join(project, file)
	}
	over, err := readTable(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return settings{}, err
	}
	s, err := decode(merge(all, over), file)
	if err != nil {
		return settings{}, err
	}
	s.own = own
	s.overrule()
	return s, nil
}

// overrule takes what the environment says over the files.
func (s *settings) overrule() {
	for name, to := range map[string]*string{"CHATLAB_PROFILE": &s.Profile, "VAGRANT_DEFAULT_PROVIDER": &s.Provider} {
		if value := os.Getenv(name); value != "" {
			*to = value
		}
	}
}

func readTable(path string) (map[string]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, errs.E(errs.Usage, "settings of Vagrant: %w", err)
	}
	table := map[string]any{}
	if err := yaml.Unmarshal(text, &table); err != nil {
		return nil, errs.E(errs.Usage, "%s: %s", path, oneLine(err.Error()))
	}
	if table == nil { // the file says null
		table = map[string]any{}
	}
	return table, nil
}

func decode(table map[string]any, path string) (settings, error) {
	var s settings
	text, err := yaml.Marshal(table)
	if err == nil {
		err = yaml.Unmarshal(text, &s)
	}
	if err != nil {
		return s, errs.E(errs.Usage, "%s: %s", path, oneLine(err.Error()))
	}
	return s, nil
}

// merge lays one value over another: of two tables, each key.
func merge(old, over map[string]any) map[string]any {
	for key, value := range over {
		a, isTable := old[key].(map[string]any)
		b, bothAre := value.(map[string]any)
		if isTable && bothAre {
			value = merge(a, b)
		}
		old[key] = value
	}
	return old
}

// settingsFinding is a table that cannot be read.
func settingsFinding(err error) local.Finding {
	return fail("settings", "what `vagrant up` is told", err.Error(), "mend that file; vagrant/local.example.yml shows how the user's own one looks")
}

// of returns a setting of a provider as text; "" where there is none.
func (s settings) of(provider, key string) string {
	if value, there := s.Providers[provider][key]; there && value != nil {
		return fmt.Sprint(value)
	}
	return ""
}

// embedded tells whether the lab goes without MongoDB.
func (h *host) embedded() bool {
	return h.settings.Variables["mongodb_embedded"] == true || h.Inventory.Var("mongodb_embedded") == "true"
}

// labName is what networks and machines are called on the host.
func (h *host) labName() string {
	path := h.Inventory.Path
	if filepath.Base(path) == "hosts.yml" {
		path = filepath.Dir(path)
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return "chatlab-" + filepath.Base(path)
}

// fill puts names into a setting, as Vagrant does.
func (h *host) fill(text, machine string) string {
	return strings.NewReplacer("%{lab}", h.labName(), "%{machine}", machine).Replace(text)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
