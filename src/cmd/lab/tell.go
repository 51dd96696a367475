package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"chatlab/src/lab"
	"chatlab/src/lab/check"
	"chatlab/src/lab/drill"
)

// addTelling adds the flags that say how much a command tells.
func (o *options) addTelling(flags *pflag.FlagSet) {
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "only say what failed")
	flags.BoolVar(&o.verbose, "verbose", false, "also say what each check proves")
}

// progressOut is for what a person reads while it lasts: standard output is for the one
// document of --json.
func (o *options) progressOut() io.Writer {
	switch {
	case o.quiet:
		return io.Discard
	case o.json:
		return o.env.Stderr
	}
	return o.env.Stdout
}

// resultOut is progressOut for what is said even with --quiet.
func (o *options) resultOut() io.Writer {
	if o.json {
		return o.env.Stderr
	}
	return o.env.Stdout
}

// printDrill writes the report of a drill; with --quiet what is wrong, if anything is.
func (o *options) printDrill(r *drill.Report) {
	ink := o.inkFor(o.env.Stdout)
	switch {
	case o.json || o.quiet && r.OK:
	case o.quiet:
		fmt.Fprintf(o.env.Stdout, "%s: %s\n", r.Drill, ink.verdict(r.Verdict))
	default:
		r.Print(o.env.Stdout, ink.verdict)
	}
}

// printer makes what prints the results of checks.
func (o *options) printer(out io.Writer, checks []check.Check) *check.Printer {
	p := check.NewPrinter(out, checks)
	p.Texts, p.Paint = o.verbose, o.inkFor(out).verdict
	return p
}

// ink colours verdicts: on a terminal, unless NO_COLOR is set (https://no-color.org).
type ink bool

func (o *options) inkFor(out io.Writer) ink {
	return ink(isTerminal(out) && o.env.Variable("NO_COLOR") == "" && o.env.Variable("TERM") != "dumb")
}

func isTerminal(out io.Writer) bool {
	f, isFile := out.(*os.File)
	return isFile && term.IsTerminal(int(f.Fd())) //nolint:gosec // a descriptor is an int
}

// narrow reports whether a terminal has fewer columns than a text needs.
func narrow(out io.Writer, needs int) bool {
	if !isTerminal(out) {
		return false
	}
	columns, _, err := term.GetSize(int(out.(*os.File).Fd())) //nolint:gosec // a descriptor is an int
	return err == nil && columns > 0 && columns < needs
}

// Colours of ECMA-48. All are of one length, so that columns stay columns.
const (
	red     = "\x1b[31m"
	green   = "\x1b[32m"
	yellow  = "\x1b[33m"
	neutral = "\x1b[39m"
)

// verdict returns a verdict in its colour. Every state is told by its word, too.
func (i ink) verdict(word string) string {
	switch strings.TrimSpace(word) { // it may fill a column
	case check.OK, string(lab.Ready):
		return i.paint(green, word)
	case check.Skip, string(lab.Starting), "incomplete", "interrupted":
		return i.paint(yellow, word)
	}
	return i.paint(red, word)
}

func (i ink) paint(colour, word string) string {
	if !i {
		return word
	}
	return colour + word + neutral
}
