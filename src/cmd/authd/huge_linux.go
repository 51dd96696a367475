package main

import (
	"runtime"

	"golang.org/x/sys/unix"

	"chatlab/src/auth"
)

// hugePages asks the kernel for huge pages where the heap will have the memory
// of password hashes. argon2id reads its 19 MiB in no order: with pages of 4 KiB
// a fifth of a sign-in went into finding and faulting them. Go's heap keeps its
// addresses, so what is asked for here holds for what is allocated there later.
// A kernel that has no huge pages says no, and all is as before.
func hugePages(slots int) {
	if cores := runtime.GOMAXPROCS(0); slots <= 0 || slots > cores {
		slots = cores
	}
	// Twice what is in use, and as much again until it is collected.
	room := make([]byte, slots*4*int(auth.DefaultParams().MemoryKiB)<<10)
	_ = unix.Madvise(room, unix.MADV_HUGEPAGE)
	runtime.KeepAlive(room)
	runtime.GC() // now free: the first hashes come here, and not beside it
}
