package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// terminal runs one command at a time.
type terminal struct {
	name  string
	user  string // that the client was given
	cmd   *exec.Cmd
	cut   bool // by Ctrl-C
	in    io.WriteCloser
	lines chan string
	ended chan error

	mu  sync.Mutex
	all []string
}

func (m *terminal) start(c *classroom, command string) error {
	m.cmd = c.command(command)
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // not of the test
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	m.cmd.Stdout, m.cmd.Stderr = w, w
	if m.in, err = m.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := m.cmd.Start(); err != nil {
		return err
	}
	_ = w.Close()
	m.lines, m.ended, m.all = make(chan string, 10000), make(chan error, 1), nil
	m.cut = false
	cmd, lines, ended := m.cmd, m.lines, m.ended
	go func() {
		for out := bufio.NewScanner(r); out.Scan(); {
			m.mu.Lock()
			m.all = append(m.all, out.Text())
			m.mu.Unlock()
			lines <- out.Text()
		}
		close(lines)
		ended <- cmd.Wait()
	}()
	return nil
}

func (m *terminal) running() bool { return m.cmd != nil }

// finish waits for the end of the command, which must succeed. With whole, it must have
// said nothing more.
func (m *terminal) finish(whole bool) error {
	if m.cmd == nil {
		return nil
	}
	select {
	case err := <-m.ended:
		m.cmd = nil
		if err != nil && !m.cut {
			return fmt.Errorf("%w\n%s", err, m.seen())
		}
	case <-time.After(documentPatience):
		return fmt.Errorf("it has not ended after %s\n%s", documentPatience, m.seen())
	}
	for line := range m.lines {
		if whole && !prompts.MatchString(line+" ") && strings.TrimSpace(line) != "" {
			return fmt.Errorf("more came: %s", line)
		}
	}
	return nil
}

func (m *terminal) interrupt() {
	if m.cmd != nil {
		m.cut = true // so it may say that it was interrupted
		_ = syscall.Kill(-m.cmd.Process.Pid, syscall.SIGINT)
	}
}

// end kills whatever is left when the lesson was given up.
func (m *terminal) end() {
	if m.cmd != nil {
		_ = syscall.Kill(-m.cmd.Process.Pid, syscall.SIGKILL)
	}
}

func (m *terminal) seen() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.all[max(0, len(m.all)-40):], "\n")
}

var prompts = regexp.MustCompile(`^(ID|PW|EMAIL): (.*)$`)

// says types what the line shows as typed, and waits for what it shows as seen.
func (m *terminal) says(line string, skip bool) error {
	if q := prompts.FindStringSubmatch(line); q != nil {
		typed := q[2]
		if q[1] == "ID" {
			m.user = typed
		}
		if q[1] == "PW" {
			typed = "secret1"
		}
		return m.typed(typed)
	}
	if strings.HasPrefix(line, "/") {
		return m.typed(line)
	}
	if text, mine := strings.CutPrefix(line, m.user+" : "); mine && m.user != "" {
		if err := m.typed(text); err != nil {
			return err
		}
	}
	return m.sees(line, skip)
}

func (m *terminal) typed(text string) error {
	_, err := io.WriteString(m.in, text+"\n")
	return err
}

// sees waits for a line; `…` in it stands for any text. Lines before it are skipped where
// the lesson says so, and where they are the client's prompts, which a pipe does not end.
func (m *terminal) sees(want string, skip bool) error {
	var parts []string
	for _, part := range strings.Split(want, "…") {
		parts = append(parts, strings.Join(strings.Fields(regexp.QuoteMeta(part)), `\s+`))
	}
	fits := regexp.MustCompile(`^\s*` + strings.Join(parts, `.*`) + `\s*$`)
	late := time.After(documentPatience)
	for {
		select {
		case line, ok := <-m.lines:
			switch {
			case !ok:
				return fmt.Errorf("it never came; this did:\n%s", m.seen())
			case fits.MatchString(strings.TrimSpace(line)):
				return nil
			case !skip && !prompts.MatchString(line+" ") && strings.TrimSpace(line) != "":
				return fmt.Errorf("instead came: %s", line)
			}
		case <-late:
			return fmt.Errorf("it does not come; this did:\n%s", m.seen())
		}
	}
}
