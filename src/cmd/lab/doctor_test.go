package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatlab/src/files"
	"chatlab/src/lab/local"
)

// Whatever `lab up` refuses, `lab doctor` finds, in the same words.
func TestDoctorFindsWhatUpRefuses(t *testing.T) {
	write := func(t *testing.T, path, text string) {
		t.Helper()
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, prepare := range map[string]func(t *testing.T, r *rig) (says string){
		"an address in use": func(t *testing.T, r *rig) string {
			ln, err := net.Listen("tcp", r.inventory().Addresses("authd")[0])
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = ln.Close() })
			return "holds the address"
		},
		"a state folder with an odd name": func(_ *testing.T, r *rig) string {
			r.state += "#1"
			return "its path has one of"
		},
		"a state folder that is a file": func(t *testing.T, r *rig) string {
			write(t, r.state, "")
			return "is not a folder"
		},
		"a damaged key": func(t *testing.T, r *rig) string {
			write(t, filepath.Join(r.state, "secrets", "jwt.key"), "short\n")
			return "jwt.key"
		},
		"another up at work": func(t *testing.T, r *rig) string {
			run := local.RunDir(r.state)
			write(t, filepath.Join(run, "up.lock"), "")
			lock, err := files.TryLock(filepath.Join(run, "up.lock"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(lock.Unlock)
			return "is at work in"
		},
		"an inventory that processes cannot be": func(t *testing.T, r *rig) string {
			text, err := os.ReadFile(r.inv)
			if err != nil {
				t.Fatal(err)
			}
			write(t, r.inv, strings.Replace(string(text), "mongodb: {hosts: {log: {}}}", "mongodb: {hosts: {log: {}, chat: {}}}", 1))
			return "group mongodb"
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			says := prepare(t, r)
			t.Cleanup(func() { r.state = filepath.Join(t.TempDir(), "none") }) // the rig takes no lab down
			_, errOut, err := r.run("up", "--inventory", r.inv)
			if err == nil {
				r.must("down", "--purge")
			}
			if status := exitStatus(err); status != 2 || !strings.Contains(errOut, says) || !strings.Contains(errOut, "lab: hint: ") {
				t.Errorf("up: status %d\n%s", status, errOut)
			}
			out, errOut, err := r.run("doctor", "--inventory", r.inv)
			if status := exitStatus(err); status == 0 || !strings.Contains(out+errOut, says) {
				t.Errorf("doctor: status %d\n%s%s", status, out, errOut)
			}
		})
	}
}
