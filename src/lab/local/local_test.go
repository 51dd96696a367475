package local_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local"
	"chatlab/src/lab/local/supervisor"
)

func TestUpTwiceThenDownTwiceLeavesNothing(t *testing.T) {
	r := newRig(t)
	r.up()
	first := r.status()
	if len(first) != 9 {
		t.Errorf("%d rows: %v", len(first), first)
	}
	for name, row := range first {
		if row.State != lab.Ready || row.PID == 0 || row.Since.IsZero() || time.Since(row.Since) > time.Minute {
			t.Errorf("%s: %+v", name, row)
		}
	}
	r.up()
	if !r.steps.has("already up") {
		t.Errorf("the second up shows %q", r.steps.names)
	}
	for name, row := range r.status() {
		if row.PID != first[name].PID {
			t.Errorf("the second up replaced %s", name)
		}
	}
	r.down(false)
	r.down(false)
	for name, row := range r.status() {
		if row.State != lab.Down || row.PID != 0 {
			t.Errorf("after down, %s: %+v", name, row)
		}
	}
	r.down(true)
	if _, err := os.Stat(r.state); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("purge left the state folder: %v", err)
	}
}

func TestAStartedLabKeepsItsSecretsAndPurgeLeavesForeignFiles(t *testing.T) {
	r := newRig(t)
	r.up()
	before := read(t, filepath.Join(r.state, "secrets", "jwt.key"))
	r.down(false)
	foreign := filepath.Join(r.state, "mine.txt")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.up()
	if read(t, filepath.Join(r.state, "secrets", "jwt.key")) != before {
		t.Error("another signing key")
	}
	r.down(true)
	if _, err := os.Stat(foreign); err != nil {
		t.Error("purge removed a file that is not the lab's")
	}
	if _, err := os.Stat(filepath.Join(r.state, "secrets")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("purge left secrets: %v", err)
	}
}

func TestEverythingWrittenIsForItsOwnerOnly(t *testing.T) {
	r := newRig(t)
	r.up()
	err := filepath.WalkDir(r.state, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFailedStepTellsItsLogItsFixAndCanBeResumed(t *testing.T) {
	r := newRig(t)
	broken := filepath.Join(r.bin, "authd.broken")
	if err := os.WriteFile(broken, []byte("authd: error: the moon is full\nauthd: hint: wait a week\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := r.target.Up(t.Context(), &r.steps)
	var failed *local.StartError
	if !errors.As(err, &failed) || !errs.Is(err, errs.Failed) {
		t.Fatalf("up: %v", err)
	}
	if failed.Step != "authd on auth" || errs.FixOf(err) != "wait a week" || !strings.Contains(strings.Join(failed.Tail, "\n"), "the moon is full") {
		t.Errorf("%+v, fix %q", failed, errs.FixOf(err))
	}
	logd := r.status()["log/logd"]
	if logd.State != lab.Ready {
		t.Errorf("what is well was not left up: %+v", logd)
	}
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	r.up()
	if again := r.status()["log/logd"]; again.PID != logd.PID {
		t.Error("resuming replaced what was up")
	}
	r.down(false)
}

func TestAHalfBuiltLabGoesDown(t *testing.T) {
	r := newRig(t)
	if err := os.WriteFile(filepath.Join(r.bin, "logd.broken"), []byte("no\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.target.Up(t.Context(), lab.Silent{}); err == nil {
		t.Fatal("up worked")
	}
	r.down(false)
}

func TestAHeldAddressIsNamedWithItsHolder(t *testing.T) {
	r := newRig(t)
	inv, err := inventory.Load(r.inv)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", inv.Addresses(inventory.Authd)[0])
	if err != nil {
		t.Fatal(err)
	}
	err = r.target.Up(t.Context(), lab.Silent{})
	if !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), "holds the address") || !strings.Contains(errs.FixOf(err), "kill") {
		t.Errorf("%v, fix %q", err, errs.FixOf(err))
	}
	ln.Close()
	r.up()
}

func TestAnotherLabOnTheSameAddressesIsNamed(t *testing.T) {
	r := newRig(t)
	r.up()
	inv, err := inventory.Load(r.inv)
	if err != nil {
		t.Fatal(err)
	}
	other, err := local.New(local.Config{State: filepath.Join(t.TempDir(), "other"), Inventory: inv, Binaries: r.bin})
	if err != nil {
		t.Fatal(err)
	}
	err = other.Up(t.Context(), lab.Silent{})
	if !errs.Is(err, errs.Usage) || !strings.Contains(errs.FixOf(err), "lab down --state "+r.state) {
		t.Errorf("%v, fix %q", err, errs.FixOf(err))
	}
}

func TestAKilledSupervisorIsReplacedOrClearedAway(t *testing.T) {
	r := newRig(t)
	kill := func() {
		t.Helper()
		pid, alive := supervisor.Alive(local.RunDir(r.state))
		if !alive {
			t.Fatal("no supervisor")
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(5 * time.Second); alive && time.Now().Before(deadline); {
			_, alive = supervisor.Alive(local.RunDir(r.state))
		}
	}
	r.up()
	kill()
	if row := r.status()["auth/authd"]; row.State != lab.Down || row.Reason == "" {
		t.Errorf("status without a supervisor: %+v", row)
	}
	r.up()
	if !r.steps.has("clear processes") {
		t.Errorf("up shows %q: the loggers were not found", r.steps.names)
	}
	kill()
	r.down(false)
}

func TestAFrozenSupervisorDoesNotKeepTheLabUp(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a time limit")
	}
	r := newRig(t)
	r.up()
	pid, _ := supervisor.Alive(local.RunDir(r.state))
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.down(false)
}

func TestChangedInventoryOrProgramsStartTheLabAnew(t *testing.T) {
	r := newRig(t)
	r.up()
	before := r.status()["auth/authd"]
	r.write(strings.Replace(string(read(t, r.inv)), "password_min_length: 6", "password_min_length: 9", 1))
	r.up()
	after := r.status()["auth/authd"]
	if after.PID == before.PID || !r.steps.has("have changed") {
		t.Errorf("authd was not started anew: %q", r.steps.names)
	}
	if text := read(t, filepath.Join(r.state, "local", "etc", "auth-authd.yml")); !strings.Contains(text, "min_length: 9") {
		t.Errorf("configuration: %s", text)
	}
	r.down(false)
}

func TestHostsActOnTheirServices(t *testing.T) {
	r := newRig(t)
	r.up()
	host, err := r.target.Host("auth")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := host.Run(t.Context(), "echo", "here"); err != nil || out != "here\n" {
		t.Errorf("%q %v", out, err)
	}
	if _, err := host.Run(t.Context(), "sh", "-c", "echo why >&2; exit 3"); !errs.Is(err, errs.Failed) || !strings.Contains(err.Error(), "why") {
		t.Errorf("%v", err)
	}
	logger := r.status()["auth/authd-logger"]
	if err := host.Do(t.Context(), "authd-logger", lab.Freeze); err != nil {
		t.Fatal(err)
	}
	if row := r.status()["auth/authd-logger"]; row.State != lab.Frozen || row.PID != logger.PID {
		t.Errorf("%+v", row)
	}
	r.up() // thaws it
	if row := r.status()["auth/authd-logger"]; row.State != lab.Ready || row.PID != logger.PID {
		t.Errorf("after up: %+v", row)
	}
	if err := host.Do(t.Context(), "authd-logger", lab.Kill); err != nil {
		t.Fatal(err)
	}
	if err := host.Do(t.Context(), "authd-logger", lab.Stop); !errs.Is(err, errs.Usage) {
		t.Errorf("stop a logger: %v", err)
	}
	if err := host.Do(t.Context(), "chatd", lab.Kill); !errs.Is(err, errs.NotFound) {
		t.Errorf("chatd on auth: %v", err)
	}
	if _, err := r.target.Host("nobody"); !errs.Is(err, errs.NotFound) {
		t.Errorf("unknown node: %v", err)
	}
	// `up` starts services again that were stopped by hand.
	if err := host.Do(t.Context(), "authd", lab.Stop); err != nil {
		t.Fatal(err)
	}
	r.up()
	if row := r.status()["auth/authd"]; row.State != lab.Ready {
		t.Errorf("%+v", row)
	}
}

func TestSecretsAreFoundByName(t *testing.T) {
	r := newRig(t)
	r.up()
	for _, name := range []string{"jwt.key", "ca.pem", "operator.pem", "operator.key"} {
		if path, err := r.target.Secret(name); err != nil || !filepath.IsAbs(path) {
			t.Errorf("%s: %q %v", name, path, err)
		}
	}
	if _, err := r.target.Secret("mongodb.password"); !errs.Is(err, errs.NotFound) {
		t.Errorf("a password that there is not: %v", err)
	}
}

func TestADamagedSigningKeyIsNotReplaced(t *testing.T) {
	r := newRig(t)
	r.up()
	r.down(false)
	path := filepath.Join(r.state, "secrets", "jwt.key")
	if err := os.WriteFile(path, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.target.Up(t.Context(), lab.Silent{}); !errs.Is(err, errs.Usage) || errs.FixOf(err) == "" {
		t.Errorf("up: %v", err)
	}
	if read(t, path) != "short\n" {
		t.Error("the file was replaced")
	}
}

func TestOnlyOneUpOrDownAtATime(t *testing.T) {
	r := newRig(t)
	r.up()
	lock, err := files.TryLock(filepath.Join(local.RunDir(r.state), "up.lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.target.Up(t.Context(), lab.Silent{}); !errs.Is(err, errs.Usage) {
		t.Errorf("up: %v", err)
	}
	if err := r.target.Down(t.Context(), false, lab.Silent{}); !errs.Is(err, errs.Usage) {
		t.Errorf("down: %v", err)
	}
	lock.Unlock()
}

func TestOneOfEachStoreFitsTheTarget(t *testing.T) {
	r := newRig(t)
	r.write(strings.NewReplacer("  vars: {", "  vars: {mariadb_port: 3306, ",
		"authd: {hosts: {auth: {}}}", "authd: {hosts: {auth: {}, log: {}}}\n    mariadb: {hosts: {auth: {}}}").Replace(hosts()))
	err := r.target.Up(t.Context(), lab.Silent{})
	if !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), "one authd") {
		t.Errorf("%v", err)
	}
}

func TestTheInventoryIsRecorded(t *testing.T) {
	r := newRig(t)
	if got := local.Recorded(r.state); got != "" {
		t.Errorf("recorded before up: %q", got)
	}
	r.up()
	if got := local.Recorded(r.state); got != r.inv {
		t.Errorf("recorded %q, want %q", got, r.inv)
	}
	text := read(t, r.inv)
	if err := os.Remove(r.inv); err != nil {
		t.Fatal(err)
	}
	if got := local.Recorded(r.state); read(t, got) != text {
		t.Errorf("the copy %q differs", got)
	}
	if err := os.WriteFile(r.inv, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.down(false)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
