//go:build !linux

package app

import "syscall"

// freeBind does nothing: addresses have to be this machine's.
func freeBind(_, _ string, _ syscall.RawConn) error { return nil }
