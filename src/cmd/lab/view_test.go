package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatlab/src/grafana/browser"
	"chatlab/src/testkit"
)

// viewing is a running `lab view`.
type viewing struct {
	cmd  *exec.Cmd
	urls chan string
}

func (r *rig) view(args ...string) *viewing {
	r.t.Helper()
	v := &viewing{cmd: exec.Command(r.lab, append([]string{"view", "--json", "--port", "0", "--state", r.state}, args...)...), urls: make(chan string, 16)}
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	v.cmd.Stderr = os.Stderr
	if err := v.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		defer close(v.urls)
		for dec := json.NewDecoder(out); ; {
			var said struct{ URL string }
			if dec.Decode(&said) != nil {
				return
			}
			v.urls <- said.URL
		}
	}()
	r.t.Cleanup(func() {
		_ = v.cmd.Process.Signal(syscall.SIGTERM)
		for range v.urls {
		}
		if err := v.cmd.Wait(); err != nil {
			r.t.Errorf("lab view: %v", err)
		}
	})
	return v
}

func (v *viewing) url(t *testing.T) string {
	t.Helper()
	select {
	case url := <-v.urls:
		return url
	case <-time.After(20 * time.Second):
		t.Fatal("`lab view` names no address")
		return ""
	}
}

// used returns the processor time that the program has taken.
func (v *viewing) used(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", v.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var user, system int
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if _, err := fmt.Sscan(fields[11], &user); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(fields[12], &system); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// followLimit is how soon the page must show a change: two seconds, and the time that this
// machine needs now to ask all services, of which the page makes one round more.
func (r *rig) followLimit() time.Duration {
	began := time.Now()
	_, _, _ = r.run("status") // fails while a service is down
	return 2*time.Second + 2*time.Since(began)
}

// viewer is a page in a real browser.
type viewer struct {
	t    *testing.T
	page *browser.Page
}

func (v viewer) text(id string) string {
	v.t.Helper()
	text, err := v.page.Eval(v.t.Context(), "(document.getElementById('"+id+"')||{}).innerText||''")
	if err != nil {
		v.t.Fatal(err)
	}
	return text
}

// shows waits until a part has a text, and returns how long that took.
func (v viewer) shows(id, want string) time.Duration {
	v.t.Helper()
	began := time.Now()
	testkit.Until(v.t, id+" shows "+want, func() bool { return strings.Contains(v.text(id), want) })
	return time.Since(began)
}

// The page in a real browser: it follows the lab, says every state in words, and its console
// has nothing to complain of. CHATLAB_PICTURES names a folder for pictures of it.
func TestThePageFollowsTheLab(t *testing.T) {
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("no chromium: apt-get install chromium")
	}
	r := newRig(t)
	r.must("up", "--inventory", r.inv)
	b, err := browser.Start(t.Context(), "chromium")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	page, err := b.Open(t.Context(), 1400, 1000)
	if err != nil {
		t.Fatal(err)
	}
	v := viewer{t, page}
	showing := r.view()
	if err := page.Go(t.Context(), showing.url(t)); err != nil {
		t.Fatal(err)
	}
	v.shows("link", "Following the lab")
	v.shows("summary", "All 9 services are ready.")
	signup(t, "http://"+r.inventory().Addresses("authd")[0], "kim")
	v.shows("events", "kim")
	v.pictures("well")

	r.must("stop", "chatd")
	took := v.shows("summary", "chatd on chat is down")
	if took > r.followLimit() {
		t.Errorf("a chat server that was stopped is shown after %s", took)
	}
	v.shows("services", "down")
	v.shows("notes", "chatd on chat is down")
	if colour, err := page.Eval(t.Context(), "getComputedStyle(document.querySelector('svg.wide rect.chip.down')).stroke"); err != nil || !strings.HasPrefix(colour, "rgb(") {
		t.Errorf("the stopped service is not drawn as such: %q %v", colour, err)
	}
	v.pictures("down")
	r.must("start", "chatd")
	v.shows("summary", "All 9 services are ready.")

	row := r.rows()["chat/chatd"]
	seen := func() int { return strings.Count(v.text("notes"), "chatd on chat ") }
	before := seen()
	if err := syscall.Kill(row.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	testkit.Until(t, "the killed chat server is shown", func() bool { return seen() > before })
	if took := time.Since(killed); took > r.followLimit() {
		t.Errorf("a chat server that was killed is shown after %s", took)
	}
	v.shows("summary", "All 9 services are ready.")
	v.drilled(r, showing)
	if said := b.Complaints(); len(said) > 0 {
		t.Errorf("the console: %q", said)
	}
}

// drilled shows the page during a drill.
func (v viewer) drilled(r *rig, showing *viewing) {
	before, began := showing.used(v.t), time.Now()
	done := make(chan error, 1)
	go func() {
		out, errOut, err := r.run("drill", "kill-chatd", "--for", "8s", "--recovery", "20s") // the page is tested here
		if err != nil {
			err = fmt.Errorf("%w\n%s%s", err, out, errOut)
		}
		done <- err
	}()
	v.shows("summary", "Drill kill-chatd is running.")
	v.shows("notes", "fault: ")
	testkit.Until(v.t, "the drill's events are shown", func() bool { return !strings.Contains(v.text("events"), "kim") })
	v.pictures("drill")
	if err := <-done; err != nil {
		v.t.Error(err)
	}
	v.shows("notes", "drill kill-chatd ends: ok")
	share := float64(showing.used(v.t)-before) / float64(time.Since(began)) * 100
	v.t.Logf("`lab view` took %.1f %% of a core during the drill, with a browser", share)
}

// pictures makes one for each theme and width.
func (v viewer) pictures(name string) {
	v.t.Helper()
	dir := os.Getenv("CHATLAB_PICTURES")
	if dir == "" {
		return
	}
	for _, theme := range []string{"light", "dark"} {
		features := []map[string]string{{"name": "prefers-color-scheme", "value": theme}}
		if err := v.page.Call(v.t.Context(), "Emulation.setEmulatedMedia", map[string]any{"features": features}, nil); err != nil {
			v.t.Fatal(err)
		}
		for _, width := range []int{1400, 800, 390} {
			if err := v.page.Size(v.t.Context(), width, 900); err != nil {
				v.t.Fatal(err)
			}
			high, err := v.page.Eval(v.t.Context(), "String(document.documentElement.scrollHeight)")
			var height int
			if _, bad := fmt.Sscan(high, &height); err != nil || bad != nil {
				v.t.Fatal(err, bad)
			}
			if err := v.page.Size(v.t.Context(), width, height); err != nil {
				v.t.Fatal(err)
			}
			png, err := v.page.Picture(v.t.Context())
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%s-%d.png", name, theme, width)), png, 0o600)
			}
			if err != nil {
				v.t.Fatal(err)
			}
		}
	}
}
