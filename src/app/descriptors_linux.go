package app

import (
	"math"

	"golang.org/x/sys/unix"
)

// Descriptors returns how many descriptors this process may have.
func Descriptors() int {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return math.MaxInt32
	}
	return int(min(lim.Cur, math.MaxInt32))
}
