package main

import (
	"fmt"
	"io"
	"time"

	"chatlab/src/errs"
)

// progress prints a line a step: what, how it ended, how long it took. On a
// terminal the line is there while the step lasts.
type progress struct {
	out  io.Writer
	live bool
	ink  ink
}

func newProgress(out io.Writer, ink ink) *progress {
	return &progress{out: out, live: isTerminal(out), ink: ink}
}

// progress is that of the command.
func (o *options) progress() *progress {
	return newProgress(o.progressOut(), o.inkFor(o.progressOut()))
}

// Step implements [lab.Progress].
func (p *progress) Step(name string) func(error) {
	start := time.Now()
	line := fmt.Sprintf("%-44s ", name)
	if p.live {
		fmt.Fprint(p.out, line+"…")
	}
	return func(err error) {
		if p.live {
			fmt.Fprint(p.out, "\r\x1b[K")
		}
		verdict := "ok"
		if err != nil {
			verdict = "FAILED"
		}
		fmt.Fprintf(p.out, "%s%s %5.2fs", line, p.ink.verdict(fmt.Sprintf("%-6s", verdict)), time.Since(start).Seconds())
		if err != nil {
			fmt.Fprintf(p.out, "  %s", errs.Public(err))
		}
		fmt.Fprintln(p.out)
	}
}

// Note implements [lab.Noter].
func (p *progress) Note(took time.Duration, what string) {
	if p.live {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	age := "      "
	if took > 0 {
		age = fmt.Sprintf("%5.0fs", took.Seconds())
	}
	fmt.Fprintf(p.out, "  %s  %s\n", age, what)
}
