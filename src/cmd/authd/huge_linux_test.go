//go:build !race

// The race detector keeps memory of its own beside each page.

package main

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"chatlab/src/auth"
)

func TestMemoryOfHashesLiesOnHugePages(t *testing.T) {
	const file = "/sys/kernel/mm/transparent_hugepage/enabled"
	if mode, err := os.ReadFile(file); err != nil || strings.Contains(string(mode), "[never]") {
		t.Skipf("the kernel gives no huge pages: %s says %q (%v)", file, mode, err)
	}
	hugePages(1)
	before := faults(t)
	const hashes, each = 8, 256 // a hash takes 4864 pages of 4 KiB, or 10 of 2 MiB
	for range hashes {
		auth.Hash("correct horse", auth.DefaultParams())
	}
	if got := faults(t) - before; got > hashes*each {
		t.Errorf("%d page faults in %d hashes: more than %d each", got, hashes, each)
	}
}

// faults returns how many pages this process was given so far.
func faults(t *testing.T) int64 {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return u.Minflt
}
