package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"chatlab/src/lab"
	"chatlab/src/lab/local"
	"chatlab/src/lab/local/supervisor"
)

// checkout is a folder with the project's inventories, in which programs are run.
type checkout struct {
	t        *testing.T
	lab, dir string
}

func newCheckout(t *testing.T) checkout {
	t.Helper()
	c := checkout{t, filepath.Join(programs(t), "lab"), t.TempDir()}
	from, err := filepath.Abs("../../../ansible")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(from, filepath.Join(c.dir, "ansible")); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c checkout) run(args ...string) (stdout, stderr string, status int) {
	var out, errOut bytes.Buffer
	cmd := exec.Command(c.lab, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, &out, &errOut
	err := cmd.Run()
	return out.String(), errOut.String(), exitStatus(err)
}

func (c checkout) must(args ...string) string {
	c.t.Helper()
	out, errOut, status := c.run(args...)
	if status != 0 {
		c.t.Fatalf("lab %s: status %d\n%s%s", strings.Join(args, " "), status, out, errOut)
	}
	return out
}

// Two labs run beside each other; each command means the one whose number it is given.
func TestInstancesRunBesideEachOther(t *testing.T) {
	c := newCheckout(t)
	first := twoInstances()
	numbers := []string{fmt.Sprint(first), fmt.Sprint(first + 1)}
	for _, n := range numbers {
		state := filepath.Join(c.dir, ".lab", "instance-"+n)
		t.Cleanup(func() {
			c.must("down", "--purge", "--instance", n)
			if left := supervisor.Marked(local.RunDir(state)); len(left) > 0 {
				t.Errorf("processes left: %+v", left)
			}
		})
		out := c.must("up", "--instance", n)
		for _, want := range []string{"127." + n + ".75.12:8082", "127." + n + ".123.11:8083", "events --instance " + n + " -f", state + "/client.yaml", "0 failed"} {
			if !strings.Contains(out, want) {
				t.Errorf("`lab up` does not say %q:\n%s", want, out)
			}
		}
	}
	for _, n := range numbers {
		if out := c.must("status", "--instance", n); !strings.Contains(out, "127."+n+".75.14:8081") {
			t.Errorf("status of %s:\n%s", n, out)
		}
		if out := c.must("status", "--state", ".lab/instance-"+n); !strings.Contains(out, "127."+n+".75.14:8081") {
			t.Errorf("status by the state folder of %s:\n%s", n, out)
		}
	}
	var labs []lab.Running
	if err := json.Unmarshal([]byte(c.must("list", "--json")), &labs); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, l := range labs {
		seen[fmt.Sprint(l.State, l.Instance)] = true
	}
	for _, n := range numbers {
		if !seen[filepath.Join(c.dir, ".lab", "instance-"+n)+n] {
			t.Errorf("list does not have instance %s: %+v", n, labs)
		}
	}
	c.must("down", "--instance", numbers[0])
	if _, errOut, status := c.run("status", "--instance", numbers[0]); status != 1 || !strings.Contains(errOut, "up --instance "+numbers[0]) {
		t.Errorf("status of what is down: %d %s", status, errOut)
	}
	c.must("status", "--instance", numbers[1])
}

func TestAnInstanceThatCannotBeIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"range":     {[]string{"status", "--instance", "300"}, "--instance takes a number from 1 to 254"},
		"no number": {[]string{"status", "--instance", "two"}, `"two"`},
		"machines":  {[]string{"up", "--instance", "3", "--target", "nspawn"}, "--instance is for target local"},
		"addresses": {[]string{"up", "--instance", "3", "--inventory", "../../../ansible/inventories/lab", "--state", t.TempDir()}, "not on the loopback network"},
	} {
		_, errOut, status := call(t, tt.args...)
		if status != 2 || !strings.Contains(errOut, tt.want) || !strings.Contains(errOut, "hint:") {
			t.Errorf("%s: status %d, %s", name, status, errOut)
		}
	}
}

// Outside of a checkout the lab is in a folder of the user's, where the client finds it.
func TestALabOutsideOfACheckoutIsInTheStateHome(t *testing.T) {
	bin, home := programs(t), t.TempDir()
	c := checkout{t, filepath.Join(bin, "lab"), t.TempDir()}
	t.Setenv("XDG_STATE_HOME", home)
	n := fmt.Sprint(twoInstances())
	inv, err := filepath.Abs("../../../ansible/inventories/local")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.must("down", "--purge", "--instance", n) })
	c.must("up", "--no-check", "--instance", n, "--inventory", inv)
	state := filepath.Join(home, "chatlab", "instance-"+n)
	if out := c.must("status", "--instance", n, "--json"); !strings.Contains(out, "chatd") {
		t.Error(out)
	}
	if _, err := os.Stat(filepath.Join(state, "client.yaml")); err != nil {
		t.Error(err)
	}
	if left := entries(t, c.dir); left != "" {
		t.Errorf("in the folder: %s", left)
	}
}
