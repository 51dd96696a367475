package laptop

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"chatlab/src/errs"
	"chatlab/src/lab/local"
)

// ansibleLeast is the oldest ansible-core that the playbook needs.
var ansibleLeast = version{2, 14}

// el7 is the profile of CentOS 7.9.
const el7 = "el7"

// ansible looks at what runs the playbook.
func (h *host) ansible(ctx context.Context) []local.Finding {
	if h.settings.Ansible == "log" && h.settings.Profile != el7 {
		return nil // the machine installs its own
	}
	end, err := h.ansibleEnd()
	if err != nil {
		return []local.Finding{fail("ansible", "ansible-core", err.Error(), "fix "+h.ansibleLimits())}
	}
	what, install := "ansible-core", "`pipx install 'ansible-core>=2.14'`, or Debian 12's package ansible-core"
	if end != nil {
		install = "`pipx install 'ansible-core>=2.14,<" + end.String() + "'` with a Python up to 3.12, or Debian 12's package ansible-core"
	}
	if !installed("ansible-playbook") {
		switch {
		case h.settings.Profile == el7:
			return []local.Finding{fail("ansible", what, "it is not installed, and CentOS 7 has none that the playbook could run on", install)}
		case h.settings.Ansible == "host":
			return []local.Finding{fail("ansible", what, "it is not installed, and "+h.settings.own+" says `ansible: host`", install+"; or `ansible: log`")}
		}
		return []local.Finding{ok("ansible", what+" of the machine log")}
	}
	said, err := output(ctx, "ansible-playbook", "--version")
	v := parseVersion(said)
	switch {
	case err != nil:
		return []local.Finding{fail("ansible", what, err.Error(), "install it again: "+install)}
	case v == nil:
		return []local.Finding{fail("ansible", what, "`ansible-playbook --version` says no version", "install it again: "+install)}
	}
	what += " " + v.String()
	switch {
	case v.before(ansibleLeast):
		return []local.Finding{fail("ansible", what, "the playbook needs "+ansibleLeast.String()+" or newer", install)}
	case end != nil && !v.before(end):
		return []local.Finding{fail("ansible", what, "from "+end.String()+" on it cannot drive CentOS 7, whose Python is 2.7", install+"; or another profile: CHATLAB_PROFILE=el9")}
	}
	return []local.Finding{ok("ansible", what)}
}

// ansibleLimits is where the playbook's own preflight has its limits.
func (h *host) ansibleLimits() string {
	return filepath.Join(h.Project, "ansible", "roles", "preflight", "defaults", "main.yml")
}

// ansibleEnd returns the first ansible-core that cannot drive the profile's
// machines, nil where every later one can.
func (h *host) ansibleEnd() (version, error) {
	text, err := os.ReadFile(h.ansibleLimits())
	if err != nil {
		return nil, err
	}
	var role struct {
		Before map[string]string `yaml:"preflight_core_before"`
	}
	if err := yaml.Unmarshal(text, &role); err != nil {
		return nil, err
	}
	return parseVersion(role.Before[h.settings.Profile]), nil
}

// collection is an entry of ansible/requirements.yml.
type collection struct{ Name, Version string }

// collections compares those that are wanted with those that are installed.
func (h *host) collections(ctx context.Context) []local.Finding {
	path := filepath.Join(h.Project, "ansible", "requirements.yml")
	wanted, err := readCollections(path)
	if err != nil {
		return []local.Finding{fail("collections", "Ansible's collections", err.Error(), "mend "+path)}
	}
	if len(wanted) == 0 || !installed("ansible-galaxy") {
		return nil
	}
	fix := "ansible-galaxy collection install -r ansible/requirements.yml"
	var places map[string]map[string]struct{ Version string }
	said, err := output(ctx, "ansible-galaxy", "collection", "list", "--format", "json")
	if err == nil {
		err = json.Unmarshal([]byte(said), &places)
	}
	if err != nil {
		return []local.Finding{warn("collections", "Ansible's collections", err.Error(), fix)}
	}
	var out []local.Finding
	for _, c := range wanted {
		var have []string
		for _, place := range places {
			if found, there := place[c.Name]; there {
				have = append(have, found.Version)
			}
		}
		slices.Sort(have)
		out = append(out, c.judge(have, fix))
	}
	return out
}

func (c collection) judge(have []string, fix string) local.Finding {
	name, what := "collection."+c.Name, "Ansible's collection "+c.Name
	switch {
	case len(have) == 0:
		return fail(name, what, "it is not installed", fix)
	case !slices.ContainsFunc(have, c.fits):
		return fail(name, what, fmt.Sprintf("%s is installed, the playbook needs %s", strings.Join(have, " and "), c.Version), fix+" --force")
	}
	return ok(name, what)
}

// fits understands what Galaxy does: "1.2.3", ">=1.2,<2", "*".
func (c collection) fits(have string) bool {
	v := parseVersion(have)
	for term := range strings.SplitSeq(c.Version, ",") {
		term = strings.TrimSpace(term)
		number := strings.TrimLeft(term, "<>=!")
		order := v.compare(parseVersion(number))
		var holds bool
		switch strings.TrimSuffix(term, number) {
		case ">=":
			holds = order >= 0
		case ">":
			holds = order > 0
		case "<=":
			holds = order <= 0
		case "<":
			holds = order < 0
		case "!=":
			holds = order != 0
		default:
			holds = order == 0
		}
		if term != "" && term != "*" && !holds {
			return false
		}
	}
	return true
}

// UnmarshalYAML takes a bare name too.
func (c *collection) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&c.Name)
	}
	type plain collection
	return n.Decode((*plain)(c))
}

func readCollections(path string) ([]collection, error) {
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	var file struct{ Collections []collection }
	if err == nil {
		err = yaml.Unmarshal(text, &file)
	}
	if err != nil {
		return nil, errs.E(errs.Usage, "%s: %s", path, oneLine(err.Error()))
	}
	return file.Collections, nil
}
