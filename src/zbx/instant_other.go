//go:build !linux

package zbx

import "context"

// instant is for Linux only; elsewhere every connection has its goroutine.
type instant struct{}

func newInstant(*Server) *instant { return nil }

func (*instant) serve(context.Context) error { return nil }
