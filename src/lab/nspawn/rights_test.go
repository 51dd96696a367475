package nspawn

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"chatlab/src/lab/local"
)

// Without the rights of root what machines need is refused, and said in one line.
func TestTheDoctorTriesWhatRootMayDo(t *testing.T) {
	if os.Geteuid() != 0 {
		for _, f := range rights(t.Context()) {
			if f.Result != local.Fail || f.Why == "" || f.Fix == "" || strings.Contains(f.Why, "\n") {
				t.Errorf("%+v", f)
			}
		}
		return
	}
	test, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// As nobody: the test itself, in a copy that nobody may read.
	copied := filepath.Join("/var/tmp", fmt.Sprint("chatlab-rights-", os.Getpid(), ".test"))
	t.Cleanup(func() { _ = os.Remove(copied) })
	program, err := os.ReadFile(test)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, program, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copied, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v: %s", err, out)
	}
}
