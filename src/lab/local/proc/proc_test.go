package proc

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatlab/src/testkit"
)

func TestParseHexReadsBothFamilies(t *testing.T) {
	for text, want := range map[string]string{
		"0B4B097F:1F91":                         "127.9.75.11:8081",
		"00000000:0050":                         "0.0.0.0:80",
		"00000000000000000000000001000000:0050": "[::1]:80",
		"0000000000000000FFFF00000100007F:0050": "127.0.0.1:80",
	} {
		if got, ok := parseHex(text); !ok || got != netip.MustParseAddrPort(want) {
			t.Errorf("%s = %v, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "0B4B007F", "0B4B00:1F91", "XB4B007F:1F91", "0B4B007F:XXXX", "0B4B007F:1F911"} {
		if got, ok := parseHex(text); ok {
			t.Errorf("%q = %v", text, got)
		}
	}
}

func TestTheHolderOfAnAddressIsFound(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if p, ok := Listener(addr); !ok || p.PID != os.Getpid() || !ListensOn(os.Getpid(), addr) {
		t.Errorf("%+v %v", p, ok)
	}
	if ListensOn(os.Getppid(), addr) {
		t.Error("the parent holds it, too")
	}
	ln.Close()
	if p, ok := Listener(addr); ok {
		t.Errorf("nobody listens, but %+v", p)
	}
	if _, ok := Listener("nonsense"); ok {
		t.Error("nonsense is held")
	}
}

func TestAListenerOnAllAddressesHoldsEach(t *testing.T) {
	ln, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	if p, ok := Listener("127.0.0.1:" + port); !ok || p.PID != os.Getpid() {
		t.Errorf("%+v %v", p, ok)
	}
}

func TestAMarkFindsAProcessUntilItsEnd(t *testing.T) {
	mark := "CHATLAB_TEST_MARK=" + t.TempDir()
	cmd := exec.Command("sleep", "60")
	cmd.Env = append(os.Environ(), mark)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	var p Process
	testkit.Until(t, "the mark is found", func() bool {
		found := Marked(mark)
		if len(found) == 1 {
			p = found[0]
		}
		return p.PID == cmd.Process.Pid && p.Name == "sleep"
	})
	if len(Marked(mark+"/x")) != 0 {
		t.Error("a longer mark matches, too")
	}
	if !slices.ContainsFunc(Children(os.Getpid()), func(c Process) bool { return c.PID == p.PID }) {
		t.Error("it is not among the children")
	}
	if !slices.ContainsFunc(SomeChildren(os.Getpid()), func(c Process) bool { return c.PID == p.PID }) {
		t.Error("it is not among the children that the kernel names")
	}
	if age := time.Since(p.Started()); age < -time.Second || age > time.Minute {
		t.Errorf("started %s ago", age)
	}
	if !strings.HasSuffix(Executable(p.PID), "/sleep") && !strings.Contains(Executable(p.PID), "box") {
		t.Errorf("executable %q", Executable(p.PID))
	}
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, "it is stopped", func() bool { now, _ := Get(p.PID); return now.Stopped() })
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, "it is a zombie", func() bool { now, _ := Get(p.PID); return now.Zombie() })
	if p.Same() || p.Signal(syscall.SIGTERM) == nil || len(Marked(mark)) != 0 {
		t.Error("a zombie counts as alive")
	}
	_ = cmd.Wait()
	if _, err := Get(p.PID); err == nil {
		t.Error("it is there after its end")
	}
}

// A process without an environment may be one whose program has just begun.
func TestAProcessWithoutAnEnvironmentIsBeginning(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	cmd.Env = []string{}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !Beginning() {
		t.Error("it is not seen")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	testkit.Until(t, "nothing begins", func() bool { return !Beginning() })
}
