package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// systemctl of a machine whose unit is as the test wants it; what it is told is
// written down. Real machines run the module in `make e2e`, but none of theirs fails
// to start or runs since before its files were written when a test needs one.
const systemctl = `#!/bin/sh
if [ "$1" = show ]; then cat "$UNIT/state"; exit; fi
echo "$*" >>"$UNIT/told"
if [ "$1" = start ] && [ -e "$UNIT/broken" ]; then echo "Job for $2 failed" >&2; exit 1; fi
`

type machineOfOne struct {
	t   *testing.T
	dir string
}

func newMachine(t *testing.T, state string) machineOfOne {
	t.Helper()
	s := machineOfOne{t, t.TempDir()}
	s.write("state", state)
	s.write("told", "")
	s.write("systemctl", systemctl)
	if err := os.Chmod(s.path("systemctl"), 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s machineOfOne) path(name string) string { return filepath.Join(s.dir, name) }

func (s machineOfOne) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// run runs the module with a file of the service and returns what it says and
// what systemctl was told, one line each.
func (s machineOfOne) run(ready string, flags ...string) (said, told string) {
	s.t.Helper()
	return s.runWith(map[string]any{"ready": ready}, flags...)
}

func (s machineOfOne) runWith(more map[string]any, flags ...string) (said, told string) {
	s.t.Helper()
	owner := strings.TrimSpace(output(s.t, "id", "-un"))
	group := strings.TrimSpace(output(s.t, "id", "-gn"))
	all := map[string]any{
		"unit": "one", "timeout": 1,
		"files": []map[string]string{{"path": s.path("one.yaml"), "content": "a: 1\n", "mode": "0600", "owner": owner, "group": group}},
	}
	maps.Copy(all, more)
	args, err := json.Marshal(all)
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command("ansible", append([]string{"localhost", "-i", "localhost,", "-c", "local", "-M", "library", "-m", "lab_service",
		"-a", string(args), "-e", "ansible_python_interpreter=/usr/bin/python3", "--one-line"}, flags...)...)
	cmd.Dir = filepath.Join("..", "..", "ansible")
	cmd.Env = append(os.Environ(), "PATH="+s.dir+":"+os.Getenv("PATH"), "UNIT="+s.dir, "ANSIBLE_NOCOLOR=1",
		"ANSIBLE_HOME="+s.t.TempDir(), "ANSIBLE_MODULE_UTILS=module_utils")
	out, _ := cmd.CombinedOutput()
	commands, err := os.ReadFile(s.path("told"))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(out), strings.ReplaceAll(strings.TrimSpace(string(commands)), "\n", "; ")
}

const (
	stopped = "ActiveState=inactive\nUnitFileState=disabled\nActiveEnterTimestampMonotonic=0\n"
	since   = "ActiveState=active\nUnitFileState=enabled\nActiveEnterTimestampMonotonic=" // microseconds after the boot
)

func TestServiceIsRunWithItsFiles(t *testing.T) {
	need(t, "ansible")
	for _, c := range []struct{ name, state, changed, told string }{
		{"stopped", stopped, "true", "--quiet enable one; start one"},
		{"older than its file", since + "1\n", "true", "restart one"},
		{"told of a new unit file", stopped + "NeedDaemonReload=yes\n", "true", "daemon-reload; --quiet enable one; start one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newMachine(t, c.state)
			said, told := s.run("")
			if told != c.told || !strings.Contains(said, `"changed": `+c.changed) {
				t.Errorf("systemctl was told %q, want %q\n%s", told, c.told, said)
			}
			if text, err := os.ReadFile(s.path("one.yaml")); err != nil || string(text) != "a: 1\n" {
				t.Errorf("its file: %q, %v", text, err)
			}
			s.write("told", "")
			s.write("state", since+"9000000000000000\n") // after anything
			if said, told := s.run(""); told != "" || !strings.Contains(said, `"changed": false`) {
				t.Errorf("the second time systemctl was told %q\n%s", told, said)
			}
		})
	}
}

// An upgrade leaves a process with a program that is no more.
func TestServiceOfAnotherProgramIsRestarted(t *testing.T) {
	need(t, "ansible")
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	s := newMachine(t, stopped)
	s.run("") // writes its file
	s.write("sleep", string(program))
	if err := os.Chmod(s.path("sleep"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(s.path("sleep"), "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	s.write("state", fmt.Sprintf("%s9000000000000000\nMainPID=%d\n", since, cmd.Process.Pid))
	s.write("told", "")
	if said, told := s.run(""); told != "" || !strings.Contains(said, `"changed": false`) {
		t.Errorf("before the upgrade systemctl was told %q\n%s", told, said)
	}
	if err := os.Remove(s.path("sleep")); err != nil {
		t.Fatal(err)
	}
	if said, told := s.run(""); told != "restart one" || !strings.Contains(said, `"changed": true`) {
		t.Errorf("after the upgrade systemctl was told %q\n%s", told, said)
	}
}

func TestServiceIsLookedAtInCheckMode(t *testing.T) {
	need(t, "ansible")
	s := newMachine(t, stopped)
	said, told := s.run("127.0.0.1:1", "--check")
	if _, err := os.Stat(s.path("one.yaml")); err == nil || told != "" || !strings.Contains(said, `"changed": true`) {
		t.Errorf("%v, systemctl was told %q\n%s", err, told, said)
	}
}

func TestServiceThatFailsSaysWhy(t *testing.T) {
	need(t, "ansible")
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			http.Error(w, "the database is away", http.StatusServiceUnavailable)
		}
	}))
	defer busy.Close()
	s := newMachine(t, since+"9000000000000000\n")
	s.write("broken", "")
	if said, _ := s.run(strings.TrimPrefix(busy.URL, "http://")); !strings.Contains(said, "one is not ready after 1 s") ||
		!strings.Contains(said, "the database is away: journalctl -u one") {
		t.Error(said)
	}
	s.write("state", stopped)
	if said, _ := s.run(""); !strings.Contains(said, "systemctl start one: Job for one failed") {
		t.Error(said)
	}
}

func TestServiceOfSeveralSaysThatItHasToBeRestarted(t *testing.T) {
	need(t, "ansible")
	s := newMachine(t, since+"1\n")
	said, told := s.runWith(map[string]any{"restart": false, "ready": "127.0.0.1:1"})
	if told != "" || !strings.Contains(said, `"stale": true`) || !strings.Contains(said, `"changed": true`) {
		t.Errorf("systemctl was told %q\n%s", told, said)
	}
	s.write("state", stopped)
	if _, told := s.runWith(map[string]any{"restart": false}); told != "--quiet enable one; start one" {
		t.Errorf("a stopped one: systemctl was told %q", told)
	}
}

// chatServer says how many replicas there are, one more at each question up to most, and
// how many it expects.
func chatServer(t *testing.T, from, most, expected int64) (address string) {
	t.Helper()
	var n atomic.Int64
	n.Store(from - 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			_, _ = fmt.Fprintf(w, "chatlab_chatlog_members 3\nchatlab_chatlog_replicas_current %d\nchatlab_chatlog_replicas_expected %d\n", min(n.Add(1), most), expected)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func TestChatServerIsRestartedOnceTheOthersGoOnWithoutIt(t *testing.T) {
	need(t, "ansible")
	for _, c := range []struct {
		name        string
		ready       string
		told, wants string
	}{
		{"the third comes back", chatServer(t, 2, 3, 3), "restart one", `"changed": true`},
		{"the third stays away", chatServer(t, 1, 2, 3), "", "2 of 3 replicas of the chat log have all of it before it was restarted"},
		{"it was alone", chatServer(t, 1, 1, 1), "restart one", "1 of 3 replicas of the chat log have all of it after it was restarted"},
		{"it serves nobody", chatServer(t, 0, 0, 3), "restart one", "0 of 3 replicas of the chat log have all of it after it was restarted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			said, told := newMachine(t, since+"1\n").runWith(map[string]any{"replicas": 3, "ready": c.ready})
			if told != c.told || !strings.Contains(said, c.wants) {
				t.Errorf("systemctl was told %q\n%s", told, said)
			}
		})
	}
}

func TestServiceIsWaitedForUntilItIsOneWithTheOthers(t *testing.T) {
	need(t, "ansible")
	s := newMachine(t, stopped)
	if said, _ := s.runWith(map[string]any{"settled": "test -e " + s.path("joined") + " || { touch " + s.path("joined") + "; exit 1; }"}); !strings.Contains(said, `"changed": true`) {
		t.Error(said)
	}
	if said, _ := s.runWith(map[string]any{"settled": "echo Joining; exit 1"}); !strings.Contains(said, "not one with those of the other machines after 1 s: Joining") {
		t.Error(said)
	}
}
