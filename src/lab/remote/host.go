package remote

import (
	"context"
	"net"

	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
)

// Where the packages put things.
const (
	etc  = "/etc/chatlab/"
	data = "/var/lib/chatlab/"
)

// Host is one machine.
type Host struct {
	name   string
	link   *link
	target *Target        // nil for a bare machine
	node   inventory.Node // of the target's inventory
}

// NewHost describes a bare machine; it connects when it is needed.
func NewHost(name, address string, a Access) *Host {
	return &Host{name: name, link: newLink(name, address, a)}
}

// Name implements [lab.Host].
func (h *Host) Name() string { return h.name }

// Run implements [lab.Host].
func (h *Host) Run(ctx context.Context, argv ...string) (string, error) {
	if len(argv) == 0 {
		return "", errs.E(errs.Usage, "no command")
	}
	return h.link.run(ctx, "", argv...)
}

// Dial opens a connection from the machine to an address.
func (h *Host) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return h.link.dial(ctx, network, addr)
}

// Close ends the connection; the next use opens a new one.
func (h *Host) Close() { h.link.close() }

// script runs a script of the machine's shell with arguments.
func (h *Host) script(ctx context.Context, text string, args ...string) (string, error) {
	return h.link.run(ctx, "", append([]string{"sh", "-c", text, "sh"}, args...)...)
}

// rewrite replaces what a file of the machine holds; its owner and mode stay.
// The text goes over standard input: it may be secret.
func (h *Host) rewrite(ctx context.Context, path, text string) error {
	// A copy first: a file that services follow must never be seen half written.
	const replace = `set -e; cp -p "$1" "$1.new"; cat >"$1.new"; mv "$1.new" "$1"`
	_, err := h.link.run(ctx, text, "sh", "-c", replace, "sh", path)
	return err
}
