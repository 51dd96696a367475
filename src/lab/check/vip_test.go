package check

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"chatlab/src/lab/inventory"
)

// withVIPs gives a fake lab two machines more, and an address for each service
// that leads to the first machine unless it is "away".
func withVIPs(t *testing.T, away bool) *fake {
	t.Helper()
	f := newFake(t)
	vip := strings.TrimSuffix(f.public, ".1") + ".%d"
	for service, n := range map[string]int{"auth": 8, "chat": 9} {
		if !away {
			forward(t, fmt.Sprintf("%s:%d", fmt.Sprintf(vip, n), f.ports[service]), fmt.Sprintf("%s:%d", f.public, f.ports[service]))
		}
	}
	for _, other := range []string{".2", ".3"} { // a sign-up goes to any of the servers
		forward(t, fmt.Sprintf("%s:%d", strings.TrimSuffix(f.public, ".1")+other, f.ports["auth"]), fmt.Sprintf("%s:%d", f.public, f.ports["auth"]))
	}
	nets := [2]string{strings.TrimSuffix(f.public, "1"), strings.TrimSuffix(f.inner, "1")}
	var b strings.Builder
	fmt.Fprintf(&b, "all:\n  vars:\n    auth_vip: "+vip+"\n    chat_vip: "+vip+"\n    chatd_routes_port: 6222\n    mariadb_port: 3306\n", 8, 9)
	for name, port := range f.ports {
		fmt.Fprintf(&b, "    %s_port: %d\n", name, port)
	}
	b.WriteString("  hosts:\n")
	for i, name := range []string{"one", "two", "three"} {
		fmt.Fprintf(&b, "    %s: {public_address: %s%d, private_address: %s%d}\n", name, nets[0], i+1, nets[1], i+1)
	}
	b.WriteString("  children:\n")
	for _, group := range []string{"authd", "chatd"} {
		fmt.Fprintf(&b, "    %s: {hosts: {one: {}, two: {}, three: {}}}\n", group)
	}
	for _, group := range []string{"logd", "healthd", "mongodb", "mariadb"} {
		fmt.Fprintf(&b, "    %s: {hosts: {one: {}}}\n", group)
	}
	inv, err := inventory.Parse("fake", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	f.Lab.Inventory = inv
	return f
}

// forward passes connections on until the test ends.
func forward(t *testing.T, from, to string) {
	t.Helper()
	ln, err := net.Listen("tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
		}
	}()
}

func TestAddressesThatMoveAnswerAsTheirServices(t *testing.T) {
	rep := withVIPs(t, false).run(t, "*.vip")
	if rep.Total != 2 || rep.Err() != nil {
		t.Errorf("%+v", rep)
	}
}

func TestAddressesThatNobodyHasAreFound(t *testing.T) {
	rep := withVIPs(t, true).run(t, "*.vip")
	for _, r := range rep.Results {
		if r.Result == OK || !strings.Contains(r.Seen, "refused") {
			t.Errorf("%s: %s, seen %q", r.Name, r.Result, r.Seen)
		}
	}
	if rep.Total != 2 {
		t.Errorf("%d checks", rep.Total)
	}
}

func TestALabWithoutThemIsNotAsked(t *testing.T) {
	j := New(t.Context(), newFake(t).Lab, nil)
	defer j.Close()
	if checks := vipChecks(j); len(checks) != 0 {
		t.Errorf("%d checks", len(checks))
	}
}
