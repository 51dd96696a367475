package local_test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local"
)

func finding(t *testing.T, r *rig, what string) local.Finding {
	t.Helper()
	all := r.target.Doctor(t.Context())
	i := slices.IndexFunc(all, func(f local.Finding) bool { return strings.Contains(f.What, what) })
	if i < 0 {
		t.Fatalf("no finding about %q in %+v", what, all)
	}
	return all[i]
}

func TestDoctorFindsNothingOnAGoodMachineBeforeAndAfterUp(t *testing.T) {
	r := newRig(t)
	look := func() {
		t.Helper()
		for _, f := range r.target.Doctor(t.Context()) {
			if f.Result == local.Fail {
				t.Errorf("%+v", f)
			}
		}
	}
	look()
	if _, err := os.Stat(r.state); err == nil {
		t.Error("the doctor left a state folder")
	}
	r.up()
	look()
}

func TestDoctorNamesWhatWhyAndFix(t *testing.T) {
	r := newRig(t)
	inv, err := inventory.Load(r.inv)
	if err != nil {
		t.Fatal(err)
	}
	addr := inv.Addresses(inventory.Chatd)[0]
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for _, do := range []error{
		os.Remove(filepath.Join(r.bin, "logger")),
		os.Remove(filepath.Join(r.bin, "client")),
		os.WriteFile(filepath.Join(r.bin, "client"), nil, 0o600),
		os.Remove(filepath.Join(r.bin, "healthd")),
		os.WriteFile(filepath.Join(r.bin, "healthd"), []byte("#!/bin/sh\necho healthd v0\n"), 0o700),
		os.WriteFile(filepath.Join(r.bin, "chatd.broken"), []byte("no\n"), 0o600),
	} {
		if do != nil {
			t.Fatal(do)
		}
	}
	for what, want := range map[string]struct{ why, fix string }{
		addr:       {"holds the address", "kill"},
		"/logger":  {"no such program", "make build"},
		"/client":  {"not an executable", "make build"},
		"/healthd": {`it says "healthd v0"`, "make build"},
		"/chatd":   {"does not run: exit status 2", "make build"},
	} {
		f := finding(t, r, what)
		if f.Result != local.Fail || !strings.Contains(f.Why, want.why) || !strings.Contains(f.Fix, want.fix) {
			t.Errorf("%s: %+v", what, f)
		}
	}
}

func TestDoctorRefusesAddressesOfOtherMachines(t *testing.T) {
	r := newRig(t)
	r.write(strings.ReplaceAll(hosts(), " 127.", " 198."))
	f := finding(t, r, "authd on auth")
	if f.Result != local.Fail || !strings.Contains(f.Why, "no such address") {
		t.Errorf("%+v", f)
	}
}

func TestDoctorRefusesAStateFolderThatCannotBeWritten(t *testing.T) {
	r := newRig(t)
	inv, err := inventory.Load(r.inv)
	if err != nil {
		t.Fatal(err)
	}
	// /proc takes no files, not even those of root.
	r.target, err = local.New(local.Config{State: "/proc/lab", Inventory: inv, Binaries: r.bin})
	if err != nil {
		t.Fatal(err)
	}
	if f := finding(t, r, "state folder"); f.Result != local.Fail || f.Fix == "" {
		t.Errorf("%+v", f)
	}
}
