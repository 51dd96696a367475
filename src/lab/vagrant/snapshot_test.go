package vagrant

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
)

// text is an inventory of two machines.
const text = `all:
  vars: {auth_port: 81, chat_port: 82, logd_port: 83, healthd_port: 84, mongodb_port: 85, authd_ops_port: 91, chatd_ops_port: 92,
    logd_ops_port: 93, healthd_ops_port: 94, authd_logger_ops_port: 95, chatd_logger_ops_port: 96}
  hosts:
    one: {public_address: 10.99.1.11, private_address: 10.99.2.11}
    two: {public_address: 10.99.1.12, private_address: 10.99.2.12}
  children:
    authd: {hosts: {one: {}}}
    chatd: {hosts: {two: {}}}
    logd: {hosts: {one: {}}}
    healthd: {hosts: {one: {}, two: {}}}
    mongodb: {hosts: {one: {}}}
`

// fake is a Vagrant that writes down what it is asked. What begins as a line of
// the file fails does, fails; the file state is the machines'.
const fake = `#!/bin/sh
shift # --no-tty
echo "$*" >>"$FAKE_VAGRANT/calls"
if [ "$1" = status ]; then
  printf '1,one,provider-name,libvirt\n1,one,state,running\n1,two,state,%s\n' "$(cat "$FAKE_VAGRANT/state")"
  exit
fi
while read -r fails; do
  case "$*" in "$fails"*) echo "chatlab: error: no $1 today"; echo "chatlab: hint: wait"; exit 1 ;; esac
done <"$FAKE_VAGRANT/fails"
`

type rig struct {
	*Target
	dir string
}

// newRig makes a lab whose Vagrant never brings machines up, so that no test
// waits for their services.
func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{dir: t.TempDir()}
	r.write(t, "vagrant", fake)
	r.write(t, "state", "running")
	r.fails(t)
	t.Setenv("PATH", r.dir+":"+os.Getenv("PATH"))
	t.Setenv("FAKE_VAGRANT", r.dir)
	inv, err := inventory.Parse("hosts.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if r.Target, err = New(Config{State: filepath.Join(r.dir, "state-of-lab"), Inventory: inv, Project: r.dir}); err != nil {
		t.Fatal(err)
	}
	r.write(t, "state-of-lab/secrets/jwt.key", "first")
	return r
}

func (r *rig) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

// fails says which calls fail, beside up.
func (r *rig) fails(t *testing.T, calls ...string) {
	t.Helper()
	r.write(t, "fails", strings.Join(append(calls, "up"), "\n")+"\n")
}

// calls are those since the last time, without the question for states.
func (r *rig) calls(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "calls"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	r.write(t, "calls", "")
	return slices.DeleteFunc(strings.FieldsFunc(string(text), func(c rune) bool { return c == '\n' }),
		func(call string) bool { return strings.HasPrefix(call, "status") })
}

func (r *rig) asked(t *testing.T, want ...string) {
	t.Helper()
	if got := r.calls(t); !slices.Equal(got, want) {
		t.Errorf("Vagrant was asked\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func (r *rig) names(t *testing.T, want ...string) {
	t.Helper()
	if got, err := r.Snapshots(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("snapshots %v %v, not %v", got, err, want)
	}
}

type quiet struct{}

func (quiet) Step(string) func(error) { return func(error) {} }

func TestMachinesAreOffWhileTheyAreKept(t *testing.T) {
	r := newRig(t)
	if err := r.SaveSnapshot(t.Context(), "fresh", quiet{}); err == nil || !strings.Contains(err.Error(), "no up today") {
		t.Errorf("machines that do not come up again: %v", err)
	}
	r.asked(t, "halt", "snapshot save fresh", "up --no-provision")
	r.names(t, "fresh")

	r.write(t, "state-of-lab/secrets/jwt.key", "second")
	if err := r.RestoreSnapshot(t.Context(), "fresh", quiet{}); err == nil || !strings.Contains(err.Error(), "no up today") {
		t.Errorf("machines that do not come up again: %v", err)
	}
	r.asked(t, "halt", "snapshot save chatlab-undo", "snapshot restore --no-start fresh",
		"snapshot delete one chatlab-undo", "snapshot delete two chatlab-undo", "up --no-provision")
	if key, err := os.ReadFile(filepath.Join(r.dir, "state-of-lab/secrets/jwt.key")); err != nil || string(key) != "first" {
		t.Errorf("after restoring, the key is %q, %v", key, err)
	}
}

func TestASnapshotOfSomeMachinesIsNone(t *testing.T) {
	r := newRig(t)
	r.fails(t, "snapshot save")
	err := r.SaveSnapshot(t.Context(), "half", quiet{})
	if !errs.Is(err, errs.Failed) || !strings.Contains(err.Error(), "no snapshot today") {
		t.Error(err)
	}
	r.asked(t, "halt", "snapshot save half", "snapshot delete one half", "snapshot delete two half", "up --no-provision")
	r.names(t)
}

func TestMachinesThatCannotAllGoBackStayAsTheyWere(t *testing.T) {
	r := newRig(t)
	_ = r.SaveSnapshot(t.Context(), "fresh", quiet{}) // its error is up's
	r.calls(t)
	r.write(t, "state-of-lab/secrets/jwt.key", "second")
	r.fails(t, "snapshot restore --no-start fresh")
	if err := r.RestoreSnapshot(t.Context(), "fresh", quiet{}); err == nil || !strings.Contains(err.Error(), "no snapshot today") {
		t.Error(err)
	}
	r.asked(t, "halt", "snapshot save chatlab-undo", "snapshot restore --no-start fresh", "snapshot restore --no-start chatlab-undo",
		"snapshot delete one chatlab-undo", "snapshot delete two chatlab-undo", "up --no-provision")
	if key, err := os.ReadFile(filepath.Join(r.dir, "state-of-lab/secrets/jwt.key")); err != nil || string(key) != "second" {
		t.Errorf("the machines stayed, the key is %q, %v", key, err)
	}
}

func TestWhatCannotBeKeptIsRefusedBeforeAnythingStops(t *testing.T) {
	r := newRig(t)
	for name, want := range map[string]errs.Code{"a b": errs.Usage, undo: errs.Usage} {
		if err := r.SaveSnapshot(t.Context(), name, quiet{}); !errs.Is(err, want) || errs.FixOf(err) == "" {
			t.Errorf("save %q: %v", name, err)
		}
	}
	if err := r.RestoreSnapshot(t.Context(), "unknown", quiet{}); !errs.Is(err, errs.NotFound) || errs.FixOf(err) == "" {
		t.Error(err)
	}
	r.write(t, "state", "not_created")
	err := r.SaveSnapshot(t.Context(), "fresh", quiet{})
	if !errs.Is(err, errs.Usage) || err.Error() != "machine two was never up" || errs.FixOf(err) == "" {
		t.Error(err)
	}
	r.asked(t)
	r.names(t)
}

func TestAHaltThatFailsLeavesTheLabUp(t *testing.T) {
	r := newRig(t)
	r.fails(t, "halt")
	if err := r.SaveSnapshot(t.Context(), "fresh", quiet{}); err == nil || !strings.Contains(err.Error(), "no halt today") {
		t.Error(err)
	}
	r.asked(t, "halt", "up --no-provision")
	r.names(t)
}
