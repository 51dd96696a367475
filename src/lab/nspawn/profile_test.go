package nspawn

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/local"
	"chatlab/src/lab/profile"
)

func machinesOf(t *testing.T, state, name string) *Machines {
	t.Helper()
	s, err := NewMachines(Config{State: state, Inventory: parse(t, text), Project: "../../..", Profile: name})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMachinesKeepTheProfileThatTheyWereMadeWith(t *testing.T) {
	state := t.TempDir()
	suites := func(name string) (string, error) {
		made, err := machinesOf(t, state, name).system()
		return made.System.Suite, err
	}
	if suite, err := suites(""); suite != "bookworm" || err != nil {
		t.Errorf("none is named: %q %v", suite, err)
	}
	made, err := machinesOf(t, state, "debian13").system()
	if err == nil {
		err = machinesOf(t, state, "debian13").recordSystem(made)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "debian13"} {
		if suite, err := suites(name); suite != "trixie" || err != nil {
			t.Errorf("%q after debian13: %q %v", name, suite, err)
		}
	}
	if _, err := suites("debian12"); !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), "have profile debian13, not debian12") || !strings.Contains(errs.FixOf(err), "lab down") {
		t.Errorf("another one: %v, fix %q", err, errs.FixOf(err))
	}
}

// Refused before anything is changed: the state folder is not made.
func TestAProfileThatMachinesCannotHaveIsRefusedAtOnce(t *testing.T) {
	for name, want := range map[string]string{
		"el7":      "profile el7 is for CentOS 7, and target nspawn makes machines of Debian",
		"debian99": `unknown profile "debian99"`,
	} {
		s := machinesOf(t, filepath.Join(t.TempDir(), "lab"), name)
		if f := s.release(); f.Result != local.Fail || !strings.Contains(f.Why, want) || f.Fix == "" {
			t.Errorf("doctor: %+v", f)
		}
		target, err := New(s.cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := target.startable(t.Context()); !errs.Is(err, errs.Usage) {
			t.Errorf("up: %v", err)
		}
		if _, err := os.Stat(s.state); err == nil {
			t.Error("the state folder was made")
		}
	}
}

// A real debootstrap, and a mirror that has nothing.
func TestAMirrorWithoutTheReleaseIsNamed(t *testing.T) {
	if _, err := exec.LookPath("debootstrap"); err != nil || os.Geteuid() != 0 {
		t.Skip("needs debootstrap and root")
	}
	mirror := httptest.NewServer(http.NotFoundHandler())
	defer mirror.Close()
	im := &image{dir: t.TempDir(), system: profile.System{Suite: "bookworm"}, sources: "deb " + mirror.URL + "/debian bookworm main\n"}
	_, err := im.ensure(t.Context(), lab.Silent{})
	if !errs.Is(err, errs.Failed) || !strings.Contains(err.Error(), mirror.URL+"/debian has no Debian bookworm") || !strings.Contains(errs.FixOf(err), "--profile") {
		t.Errorf("%v, fix %q", err, errs.FixOf(err))
	}
}
