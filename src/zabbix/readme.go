package zabbix

import (
	"bytes"
	"fmt"
	"strings"
)

// Files returns the files of zabbix/templates by name.
func Files() (map[string][]byte, error) {
	out := map[string][]byte{"README.md": readme()}
	for _, t := range Templates() {
		text, err := t.XML()
		if err != nil {
			return nil, err
		}
		out[strings.ReplaceAll(strings.ToLower(t.Name), " ", "_")+".xml"] = text
	}
	return out, nil
}

// readme describes the templates for people.
func readme() []byte {
	var b bytes.Buffer
	b.WriteString("# Templates\n\nWritten by `make templates` from src/zabbix; changes are lost.\n")
	for _, t := range Templates() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", t.Name, t.Description)
		b.WriteString("\n| macro | default | meaning |\n|---|---|---|\n")
		for _, m := range t.Macros {
			fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", m.Name, cell(m.Value), m.Description)
		}
		b.WriteString("\n| item | key | unit | every |\n|---|---|---|---|\n")
		for _, i := range t.Items {
			writeItem(&b, i)
		}
		for _, r := range t.Rules {
			fmt.Fprintf(&b, "\nDiscovered by `%s` (%s):\n\n| item | key | unit | every |\n|---|---|---|---|\n", r.Key, r.Name)
			for _, i := range r.Items {
				writeItem(&b, i)
			}
		}
		b.WriteString("\n| trigger | severity | when | not while |\n|---|---|---|---|\n")
		for _, tr := range t.triggers() {
			fmt.Fprintf(&b, "| %s | %s | `%s` | %s |\n", tr.Name, strings.ToLower(tr.Severity), cell(strings.ReplaceAll(tr.Expression, "{:", "{")), strings.Join(tr.After, ", "))
		}
		b.WriteString("\nWhat they mean, and what to do:\n\n| trigger | it means | look at | run |\n|---|---|---|---|\n")
		for _, tr := range t.triggers() {
			fmt.Fprintf(&b, "| %s | %s | %s | `%s` |\n", tr.Name, tr.Description, tr.Look, tr.Run)
		}
	}
	return b.Bytes()
}

func writeItem(b *bytes.Buffer, i Item) {
	every := "`" + i.Delay + "`"
	if i.Type == Dependent {
		every = "with `" + i.Master + "`"
	}
	fmt.Fprintf(b, "| %s | `%s` | %s | %s |\n", i.Name, i.Key, strings.TrimPrefix(i.Units, "!"), every)
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
