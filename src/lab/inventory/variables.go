package inventory

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"
)

// own looks at the variables of a host or a group: ports and the like are the lab's.
func (p *parser) own(vars []entry, of string) {
	for _, e := range vars {
		p.spelling(e, of)
		if labWide(e.key) {
			p.mistake(e.line, "move it to `all: vars:`: all machines of a lab share it", "%s: %s is set for it alone", of, e.key)
		}
	}
}

// spelling suspects a name that is nearly a known one.
func (p *parser) spelling(e entry, of string) {
	if meant := misspelt(e.key); meant != "" {
		p.mistake(e.line, "write "+meant, "%s: nothing reads the variable %s", of, e.key)
	}
}

// beside looks at the folders group_vars and host_vars beside an inventory, which
// Ansible reads and `lab` does not.
func (p *parser) beside(path string) {
	for _, folder := range []string{"group_vars", "host_vars"} {
		root := filepath.Join(filepath.Dir(path), folder)
		_ = filepath.WalkDir(root, func(file string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && slices.Contains([]string{"", ".yml", ".yaml", ".json"}, filepath.Ext(file)) {
				p.varsFile(file)
			}
			return nil
		})
	}
}

func (p *parser) varsFile(path string) {
	text, err := os.ReadFile(path)
	if err != nil || bytes.HasPrefix(text, []byte("$ANSIBLE_VAULT")) {
		return // Ansible says why it cannot read it
	}
	var doc yaml.Node
	if yaml.Unmarshal(text, &doc) != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return
	}
	before := p.path
	p.path = path
	defer func() { p.path = before }()
	for _, e := range p.entries(doc.Content[0], "the file") {
		p.spelling(e, "the file")
		if labWide(e.key) {
			p.mistake(e.line, "move it to `all: vars:` of "+before+", which `lab` reads too", "%s is set beside the inventory", e.key)
		}
	}
}
