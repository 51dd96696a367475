package check

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Printer writes results for people, a line each, as they come.
type Printer struct {
	Texts bool                // also what each check proves
	Paint func(string) string // colours a result; nil: none

	out   io.Writer
	width int // of the longest name
	err   error
}

// NewPrinter makes a printer for a list of checks.
func NewPrinter(out io.Writer, checks []Check) *Printer {
	p := &Printer{out: out}
	for _, c := range checks {
		p.width = max(p.width, len(c.Name))
	}
	return p
}

// Print writes one result, with the expected and the observed state if it failed.
func (p *Printer) Print(r Result) {
	node := r.Node
	if node == "" {
		node = "lab"
	}
	result := fmt.Sprintf("%-4s", r.Result)
	if p.Paint != nil {
		result = p.Paint(result)
	}
	p.printf("%s  %-*s  %-4s  %5.0f ms", result, p.width, r.Name, node, r.Seconds*1000)
	if p.Texts {
		p.printf("  %s", r.Description)
	}
	switch r.Result {
	case Skip:
		p.printf("  %s", r.Reason)
	case Fail:
		p.printf("\n        expected  %s\n        seen      %s", r.Expected, r.Seen)
		if r.Hint != "" {
			p.printf("\n        look at   %s", r.Hint)
		}
	}
	p.printf("\n")
}

// Summary writes the last line.
func (p *Printer) Summary(r Report) {
	if r.NotRun > 0 {
		p.printf("interrupted: %d ok, %d failed, %d skipped, %d not run\n", r.OK, r.Failed, r.Skipped, r.NotRun)
		return
	}
	p.printf("%d checks: %d ok, %d failed, %d skipped in %.1fs\n", r.Total, r.OK, r.Failed, r.Skipped, r.Seconds)
}

// Err returns the first error of the writer.
func (p *Printer) Err() error { return p.err }

func (p *Printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

// WriteJSON writes a report as one JSON document.
func WriteJSON(out io.Writer, r Report) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// Listed is one check, as `--list --json` shows it.
type Listed struct {
	Name        string `json:"name"`
	Node        string `json:"node,omitempty"`
	Description string `json:"description"`
}

// List returns what checks are called and what each proves.
func List(checks []Check) []Listed {
	out := make([]Listed, len(checks))
	for i, c := range checks {
		out[i] = Listed{c.Name, c.Node, c.Text}
	}
	return out
}

// WriteList writes the names of checks and what each proves.
func WriteList(out io.Writer, checks []Check) error {
	var b strings.Builder
	p := NewPrinter(&b, checks)
	for _, c := range checks {
		p.printf("%-*s  %s\n", p.width, c.Name, c.Text)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
