package check

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

// fakeHost is the machine of the fake lab, as its commands show it.
type fakeHost struct {
	lab.Host // what is not overridden below is not called
	f        *fake
}

// Dial implements [lab.Target].
func (f *fake) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return outside(ctx, network, addr)
}

func (f *fake) Host(string) (lab.Host, error) { return fakeHost{f: f}, nil }

// Unit implements [lab.Machined].
func (f *fake) Unit(_, service string) (string, error) { return "chatlab-" + service, nil }

func (h fakeHost) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return outside(ctx, network, addr)
}

func (h fakeHost) Run(_ context.Context, argv ...string) (string, error) {
	if argv[0] == "sh" {
		argv = strings.Fields(argv[2])
	}
	switch argv[0] {
	case "date":
		now := time.Now()
		if h.f.has("clock off") {
			now = now.Add(-time.Hour)
		}
		return fmt.Sprintf("%d.%09d\n", now.Unix(), now.Nanosecond()), nil
	case "systemd-analyze":
		figure := "1.2 OK"
		switch {
		case h.f.has("old systemd"):
			return "Unknown operation 'security'.\n", nil
		case h.f.has("exposed unit"):
			figure = "9.6 UNSAFE"
		case h.f.has("no figure"):
			return "nothing of use\n", nil
		}
		return "  NAME DESCRIPTION EXPOSURE\n\n→ Overall exposure level for " + argv[3] + ": " + figure + " :-)\n", nil
	case "ss":
		return h.listening(), nil
	}
	return "", errs.E(errs.Failed, "%v is not known here", argv)
}

// listening prints the fake's listeners as ss does.
func (h fakeHost) listening() string {
	inv := h.f.Inventory
	at := []string{"0.0.0.0:22", "[::]:22", "127.0.0.1:6010"}
	for _, service := range inv.Services(inv.Nodes[0]) {
		at = append(at, inv.Address(service, inv.Nodes[0]))
	}
	for _, o := range ops {
		at = append(at, inv.OpsAddress(o.name, inv.Nodes[0]))
	}
	at = append(at, inv.AuthPrivateAddresses()...)
	switch {
	case h.f.has("stray listener"):
		at = append(at, "*:4444")
	case h.f.has("listener away"):
		at = at[:len(at)-1]
	case h.f.has("no listeners"):
		at = nil
	}
	var b strings.Builder
	for _, a := range at {
		fmt.Fprintf(&b, "tcp   LISTEN 0      4096   %s  0.0.0.0:*\n", a)
	}
	return b.String()
}

func TestATargetWithoutMachinesHasNoChecksOfThem(t *testing.T) {
	f := newFake(t)
	f.Lab.Target = struct{ lab.Target }{f} // hides what a machine could do
	for _, c := range Catalogue(New(t.Context(), f.Lab, nil)) {
		if strings.HasPrefix(c.Name, "host.") || strings.HasPrefix(c.Name, "net.matrix") {
			t.Errorf("%s is listed", c.Name)
		}
	}
}

func TestAnOldSystemdSkipsTheFigure(t *testing.T) {
	r := newFake(t, "old systemd").run(t, "host.hardening").Results[0]
	if r.Result != Skip || !strings.Contains(r.Reason, "cannot judge") {
		t.Errorf("%+v", r)
	}
}

func TestOtherWaysInWhichAMachineIsWrong(t *testing.T) {
	for fault, want := range map[string]struct{ check, seen string }{
		"no figure":     {"host.hardening.one", "nothing of use"},
		"listener away": {"host.listeners.one", "not in `ss -ltnu`"},
		"no listeners":  {"host.listeners.one", "printed none"},
		"logd down":     {"net.matrix.one", "connection refused"},
	} {
		if r := newFake(t, fault).run(t, want.check).Results[0]; r.Result != Fail || !strings.Contains(r.Seen, want.seen) {
			t.Errorf("%s: %+v", fault, r)
		}
	}
}

func TestADHCPClientIsNoListenerOfTheLab(t *testing.T) {
	n := inventory.Node{Public: netip.MustParseAddr("10.0.1.1"), Private: netip.MustParseAddr("10.0.2.1")}
	for at, want := range map[string]bool{"10.0.9.9:68": true, "0.0.0.0:68": true, "10.0.1.1:68": false, "10.0.2.1:68": false, "10.0.9.9:67": false} {
		for _, protocol := range []string{"udp", "tcp"} {
			if got := (listener{protocol, netip.MustParseAddrPort(at)}).leases(n); got != (want && protocol == "udp") {
				t.Errorf("%s %s: %v", protocol, at, got)
			}
		}
	}
}

func TestListenersAreRead(t *testing.T) {
	got, err := listeners("udp UNCONN 0 0 127.0.0.1%lo:323 0.0.0.0:*\ntcp LISTEN 0 128 *:22 *:*\ntcp LISTEN 0 1 [fe80::1%eth0]:53 [::]:*\n")
	var text []string
	for _, l := range got {
		text = append(text, l.String())
	}
	if want := []string{"udp 127.0.0.1:323", "tcp [::]:22", "tcp [fe80::1%eth0]:53"}; err != nil || !slices.Equal(text, want) {
		t.Errorf("%q %v", text, err)
	}
	for _, bad := range []string{"", "tcp LISTEN\n", "tcp LISTEN 0 1 nowhere *:*\n", "tcp LISTEN 0 1 here:22 *:*\n", "tcp LISTEN 0 1 [::]:70000 *:*\n"} {
		if _, err := listeners(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// CentOS 7 has iproute 4.11, which prints no brackets.
func TestListenersOfAnOldIprouteAreRead(t *testing.T) {
	printed, err := os.ReadFile("testdata/ss-4.11.txt")
	if err != nil {
		t.Fatal(err)
	}
	got, err := listeners(string(printed))
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, l := range got {
		text = append(text, l.String())
	}
	if want := []string{"udp [::]:68", "udp [::1]:323", "tcp [::]:22", "tcp [::]:22"}; !slices.Equal(text, want) {
		t.Errorf("%q, want %q", text, want)
	}
}
