package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"chatlab/src/errs"
)

// Problem is one mistake of a file.
type Problem struct {
	Line int // 1 is the first
	Text string
	Fix  string
}

// Problems is an error with every mistake of a file, by line.
type Problems struct {
	File string
	List []Problem
}

// Error has a line for each mistake: file, line, mistake and fix.
func (p *Problems) Error() string {
	var out []string
	for _, one := range p.List {
		out = append(out, fmt.Sprintf("%s:%d: %s; fix: %s", p.File, one.Line, one.Text, one.Fix))
	}
	return strings.Join(out, "\n")
}

// Parse reads a scenario. checks tells whether a check of that name or glob exists, and
// names one near it; nil: not looked at. Code usage, with [Problems] where the text is
// what is wrong.
func Parse(file string, text []byte, checks func(glob string) (near string, ok bool)) (*Scenario, error) {
	p := &parser{checks: checks}
	s := &Scenario{}
	if p.read(text, s); len(p.found) == 0 {
		p.validate(s)
	}
	if len(p.found) > 0 {
		slices.SortStableFunc(p.found, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
		return nil, errs.E(errs.Usage, "%w", &Problems{file, p.found})
	}
	return s, nil
}

// parser collects mistakes.
type parser struct {
	root   *yaml.Node
	checks func(string) (string, bool)
	found  []Problem
}

func (p *parser) add(line int, fix, format string, args ...any) {
	p.found = append(p.found, Problem{max(line, 1), fmt.Sprintf(format, args...), fix})
}

// lined is an error of the YAML library.
var lined = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)

// read fills a scenario, or notes why the text is none.
func (p *parser) read(text []byte, s *Scenario) {
	var doc yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(string(text)))
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			p.add(1, "begin with `title:`", "the file is empty")
			return
		}
		p.library(err)
		return
	}
	p.root = doc.Content[0]
	if p.root.Kind != yaml.MappingNode {
		p.add(p.root.Line, "begin with `title:`", "the file is no mapping")
		return
	}
	if p.unknown(p.root, reflect.TypeFor[Scenario]()); len(p.found) > 0 {
		return
	}
	if err := p.root.Decode(s); err != nil {
		p.library(err)
	}
}

// library notes errors of the YAML library, each with its line.
func (p *parser) library(err error) {
	texts := []string{err.Error()}
	var several *yaml.TypeError
	if errors.As(err, &several) {
		texts = several.Errors
	}
	for _, text := range texts {
		line := 1
		if m := lined.FindStringSubmatch(text); m != nil {
			line, _ = strconv.Atoi(m[1])
			text = m[2]
		}
		text = strings.TrimSuffix(strings.ReplaceAll(text, "!!", ""), "\n")
		p.add(line, "write the kind of value that docs/writing-incidents.md gives", "%s", text)
	}
}

// unknown notes keys that a type does not have, and keys that come twice.
func (p *parser) unknown(n *yaml.Node, of reflect.Type) {
	switch {
	case n.Kind == yaml.SequenceNode && of.Kind() == reflect.Slice:
		for _, item := range n.Content {
			p.unknown(item, of.Elem())
		}
	case n.Kind == yaml.MappingNode && of.Kind() == reflect.Struct:
		known := fieldsOf(of)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			field, ok := known[key.Value]
			if !ok {
				p.add(key.Line, oneOf(key.Value, keysOf(known)), "unknown key %q", key.Value)
				continue
			}
			p.unknown(n.Content[i+1], field)
		}
	}
}

func fieldsOf(of reflect.Type) map[string]reflect.Type {
	known := map[string]reflect.Type{}
	for i := range of.NumField() {
		if name := of.Field(i).Tag.Get("yaml"); name != "-" {
			known[name] = of.Field(i).Type
		}
	}
	return known
}

func keysOf(known map[string]reflect.Type) (names []string) {
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// oneOf is the fix for a word that is none of a list.
func oneOf(word string, known []string) string {
	if near := errs.Nearest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "write one of " + strings.Join(known, ", ")
}

// line returns the line of the value at a path of keys and places in lists, or of the
// nearest thing above it that is there.
func (p *parser) line(path ...any) int {
	at, line := p.root, p.root.Line
	for _, step := range path {
		next := child(at, step, &line)
		if next == nil {
			break
		}
		at = next
	}
	return line
}

func child(n *yaml.Node, step any, line *int) *yaml.Node {
	switch step := step.(type) {
	case string:
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				*line = n.Content[i].Line
				return n.Content[i+1]
			}
		}
	case int:
		if n.Kind == yaml.SequenceNode && step < len(n.Content) {
			*line = n.Content[step].Line
			return n.Content[step]
		}
	}
	return nil
}

// has reports whether a mapping of the file has a key.
func (p *parser) has(key string, path ...any) bool {
	at, line := p.root, 0
	for _, step := range append(path, key) {
		if at = child(at, step, &line); at == nil {
			return false
		}
	}
	return true
}
