package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"chatlab/src/errs"
)

// readByAnsible reads a source that is not YAML: INI, a script, a folder of several.
func readByAnsible(path string) (*Inventory, []Mistake, error) {
	cmd := exec.Command("ansible-inventory", "-i", path, "--list", "--export")
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "ANSIBLE_NOCOLOR=1", "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=1")
	var said bytes.Buffer
	cmd.Stderr = &said
	list, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, nil, errs.E(errs.Usage, "inventory %s: only ansible-inventory can read it, which is not installed", path).
			WithFix("install ansible-core, or write it as ansible/inventories/lab/hosts.yml")
	}
	if err != nil {
		return nil, nil, errs.E(errs.Usage, "inventory %s: ansible-inventory: %s", path, lastLine(said.String())).
			WithFix("`ansible-inventory -i %s --list` says more", path)
	}
	return CheckList(path, list)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(strings.Fields(lines[len(lines)-1]), " ")
}

// ansibleList is what `ansible-inventory --list` prints.
type ansibleList struct {
	hostvars map[string]map[string]any
	groups   map[string]ansibleGroup
}

type ansibleGroup struct {
	Hosts    []string       `json:"hosts"`
	Children []string       `json:"children"`
	Vars     map[string]any `json:"vars"`
}

// CheckList checks what `ansible-inventory --list` prints, with or without --export.
// It fails with code usage where the text is not that.
func CheckList(path string, list []byte) (*Inventory, []Mistake, error) {
	l, err := decodeList(list)
	if err == nil {
		list, err = yaml.Marshal(l.document())
	}
	if err != nil {
		return nil, nil, errs.E(errs.Usage, "inventory %s: no list of ansible-inventory: %w", path, err).WithFix("pass on what `ansible-inventory --list` prints")
	}
	inv, mistakes := Check(path, list)
	for i := range mistakes {
		mistakes[i].Line = 0 // of the text made here, which nobody has seen
	}
	return inv, mistakes, nil
}

func decodeList(text []byte) (ansibleList, error) {
	l := ansibleList{hostvars: map[string]map[string]any{}, groups: map[string]ansibleGroup{}}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		return l, err
	}
	for name, part := range parts {
		if name == "_meta" {
			var meta struct {
				Hostvars map[string]map[string]any `json:"hostvars"`
			}
			if err := json.Unmarshal(part, &meta); err != nil {
				return l, err
			}
			maps.Copy(l.hostvars, meta.Hostvars)
			continue
		}
		var g ansibleGroup
		if err := json.Unmarshal(part, &g); err != nil {
			return l, err
		}
		l.groups[name] = g
		for _, host := range g.Hosts {
			if l.hostvars[host] == nil {
				l.hostvars[host] = map[string]any{}
			}
		}
	}
	return l, nil
}

// document returns the list as a YAML inventory of this project has it. Variables that
// all hosts have alike are the lab's, wherever they were set.
func (l ansibleList) document() map[string]any {
	all := maps.Clone(l.groups["all"].Vars)
	if all == nil {
		all = map[string]any{}
	}
	for name, value := range l.shared() {
		all[name] = value
		for _, vars := range l.hostvars {
			delete(vars, name)
		}
	}
	children := map[string]any{}
	for name, g := range l.groups {
		if name == "all" || name == "ungrouped" {
			continue
		}
		hosts := map[string]any{}
		for _, host := range l.members(name, map[string]bool{}) {
			hosts[host] = map[string]any{}
		}
		children[name] = map[string]any{"hosts": hosts, "vars": g.Vars}
	}
	return map[string]any{"all": map[string]any{"vars": all, "hosts": l.hostvars, "children": children}}
}

// shared returns the variables that every host has, with one value.
func (l ansibleList) shared() map[string]any {
	var out map[string]any
	for _, vars := range l.hostvars {
		if out == nil {
			out = maps.Clone(vars)
		}
		maps.DeleteFunc(out, func(name string, value any) bool {
			other, there := vars[name]
			return !there || !labWide(name) || !reflect.DeepEqual(value, other)
		})
	}
	return out
}

// members returns the hosts of a group and of its child groups.
func (l ansibleList) members(group string, seen map[string]bool) []string {
	if seen[group] {
		return nil
	}
	seen[group] = true
	out := slices.Clone(l.groups[group].Hosts)
	for _, child := range l.groups[group].Children {
		out = append(out, l.members(child, seen)...)
	}
	return out
}
