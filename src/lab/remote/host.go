package remote

import (
	"context"
	"net"
)

// Host is one machine.
type Host struct {
	name string
	link *link
}

// NewHost describes a machine; it connects when it is needed.
func NewHost(name, address string, a Access) *Host {
	return &Host{name: name, link: newLink(name, address, a)}
}

// Name implements [lab.Host].
func (h *Host) Name() string { return h.name }

// Run implements [lab.Host].
func (h *Host) Run(ctx context.Context, argv ...string) (string, error) {
	return h.link.run(ctx, "", argv...)
}

// Dial opens a connection from the machine to an address.
func (h *Host) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return h.link.dial(ctx, network, addr)
}

// Close ends the connection; the next use opens a new one.
func (h *Host) Close() { h.link.close() }
