//go:build !drop_unacked

package event

// toResend returns what a dead logger did not acknowledge: all of it is due
// again.
func (em *Emitter) toResend() []*item { return em.written }
