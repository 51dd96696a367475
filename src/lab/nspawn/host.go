package nspawn

import (
	"context"
	"fmt"

	"chatlab/src/errs"
	"chatlab/src/lab/remote"
)

// host is a machine with what this host can do to it from outside.
type host struct {
	*remote.Host
	index int
	t     *Target
}

// Cut implements [lab.Networked]: the outer end of the cable goes down.
func (h *host) Cut(ctx context.Context) error {
	_, err := output(ctx, "ip", "link", "set", h.t.machines.privateLink(h.index), "down")
	return err
}

// Lose implements [lab.Networked] with a rule on the outer end of the cable: it
// works on kernels without netem too.
func (h *host) Lose(ctx context.Context, percent int) error {
	if percent < 0 || percent > 100 {
		return errs.E(errs.Usage, "%d %% of the packets cannot be lost", percent)
	}
	table, link := h.t.machines.loss(h.index), h.t.machines.privateLink(h.index)
	_, err := feed(ctx, lossRules(table, link, percent), "nft", "-f", "-")
	return err
}

func lossRules(table, link string, percent int) string {
	return fmt.Sprintf(`table netdev %[1]s
delete table netdev %[1]s
table netdev %[1]s {
	chain from {
		type filter hook ingress device "%[2]s" priority 0;
		numgen random mod 100 < %[3]d drop
	}
	chain to {
		type filter hook egress device "%[2]s" priority 0;
		numgen random mod 100 < %[3]d drop
	}
}
`, table, link, percent)
}

// Join implements [lab.Networked].
func (h *host) Join(ctx context.Context) error {
	table := h.t.machines.loss(h.index)
	// Named first, so that it is there to be deleted.
	if _, err := feed(ctx, fmt.Sprintf("table netdev %[1]s\ndelete table netdev %[1]s\n", table), "nft", "-f", "-"); err != nil {
		return err
	}
	_, err := output(ctx, "ip", "link", "set", h.t.machines.privateLink(h.index), "up")
	return err
}
