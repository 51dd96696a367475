package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"chatlab/src/app"
)

// With --quiet a command that is well says nothing, and one that is not says what failed.
func TestQuietTellsOfFailuresOnly(t *testing.T) {
	c := newCheckout(t)
	n := fmt.Sprint(twoInstances())
	t.Cleanup(func() { c.must("down", "--purge", "--quiet", "--instance", n) })
	for _, args := range []string{"up", "check auth.login", "drill none --for 1s", "restart logd"} {
		if out := c.must(append(strings.Fields(args), "--quiet", "--instance", n)...); out != "" {
			t.Errorf("%s --quiet: %s", args, out)
		}
	}
	c.fits(t, 60, "status --instance "+n)
	c.fits(t, 60, "up --no-check --instance "+n)
	c.must("stop", "chatd", "-q", "--instance", n)
	out, errOut, status := c.run("check", "chat.order", "auth.health", "-q", "--instance", n)
	if status != 1 || !strings.HasPrefix(out, "fail  chat.order") || strings.Contains(out, "auth.health") || !strings.Contains(errOut, "1 of 2 checks failed") {
		t.Errorf("check -q: %d\n%s%s", status, out, errOut)
	}
	if out := c.must("check", "auth.health", "--verbose", "--instance", n); !strings.Contains(out, " ms  ") {
		t.Errorf("check --verbose does not say what a check proves: %s", out)
	}
}

func TestVerdictsHaveColoursOnTerminalsOnly(t *testing.T) {
	for word, want := range map[string]string{"ok": green, "ok    ": green, "ready": green, "skip": yellow, "down": red, "FAILED: lost": red} {
		if got := ink(true).verdict(word); got != want+word+neutral {
			t.Errorf("%q is %q", word, got)
		}
		if got := ink(false).verdict(word); got != word {
			t.Errorf("%q is %q without colour", word, got)
		}
	}
	o := &options{env: &app.Env{}}
	if o.inkFor(&bytes.Buffer{}) {
		t.Error("a file has colours")
	}
}

var control = regexp.MustCompile("[^\r\n]*\r\x1b\\[K|\x1b\\[[0-9;]*m|\r")

// fits checks that what lab says fits a terminal of so many columns.
func (c checkout) fits(t *testing.T, columns int, args string) {
	t.Helper()
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("no script(1) here")
	}
	stdout, _, status := c.shell(fmt.Sprintf("script -qec 'stty cols %d; lab %s' /dev/null", columns, args))
	if status != 0 || stdout == "" {
		t.Errorf("lab %s: status %d\n%s", args, status, stdout)
	}
	for line := range strings.Lines(control.ReplaceAllString(stdout, "")) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > columns && !strings.HasPrefix(line, "  "+filepath.Dir(c.lab)) { // a command is not broken
			t.Errorf("lab %s: %d columns on a terminal of %d: %s", args, n, columns, line)
		}
	}
}
