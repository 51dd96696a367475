package incident

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/drill"
)

// Scripts about the link of a machine that has the address $1.
const (
	linkOf    = `link=$(ip -o -4 address show | awk -v a="$1" '{ split($4, p, "/"); if (p[1] == a) print $2 }') && [ -n "$link" ] && `
	shapeLink = linkOf + `tc qdisc replace dev "$link" root $2`
	plainLink = linkOf + `{ tc qdisc del dev "$link" root 2>/dev/null || true; }`
)

// rule drops packets to a TCP port; a table of its own is removed whole.
const (
	rule   = "table inet incident { chain in { type filter hook input priority -10; tcp dport %d drop; }; }"
	noRule = "table inet incident; delete table inet incident"
)

func (p place) run(argv ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := p.host.Run(ctx, argv...)
		return err
	}
}

func (p place) back(argv ...string) []drill.Undo {
	return []drill.Undo{{Node: p.node.Name, Run: argv}}
}

func cable(_ context.Context, p place) (breakage, error) {
	return p.networked(func(ctx context.Context, h lab.Networked) error { return h.Cut(ctx) })
}

func loss(_ context.Context, p place) (breakage, error) {
	return p.networked(func(ctx context.Context, h lab.Networked) error { return h.Lose(ctx, p.fault.Percent) })
}

func (p place) networked(f func(context.Context, lab.Networked) error) (breakage, error) {
	host, ok := p.host.(lab.Networked)
	if !ok {
		return breakage{}, errs.E(errs.Usage, "target %s cannot cut a cable", p.lab.Target.Name())
	}
	return breakage{[]drill.Undo{{Node: p.node.Name, Join: true}}, func(ctx context.Context) error { return f(ctx, host) }}, nil
}

func (p place) shaped(discipline string) (breakage, error) {
	address := p.node.Private.String()
	return breakage{p.back("sh", "-c", plainLink, "sh", address), p.run("sh", "-c", shapeLink, "sh", address, discipline)}, nil
}

func delay(_ context.Context, p place) (breakage, error) {
	return p.shaped("netem delay " + strconv.Itoa(p.fault.Millis) + "ms")
}

func bandwidth(_ context.Context, p place) (breakage, error) {
	return p.shaped("tbf rate " + strconv.Itoa(p.fault.Kbit) + "kbit burst 16kb latency 400ms")
}

func block(_ context.Context, p place) (breakage, error) {
	return breakage{p.back("nft", noRule), p.run("nft", fmt.Sprintf(rule, p.fault.Port))}, nil
}

// database sets global variables of MariaDB, and knows their values of before.
func database(ctx context.Context, p place) (breakage, error) {
	var set, restore []string
	for _, name := range slices.Sorted(maps.Keys(p.fault.Set)) {
		before, err := p.host.Run(ctx, "mysql", "-N", "-B", "-e", "SELECT @@global."+name)
		if err != nil {
			return breakage{}, err
		}
		set = append(set, fmt.Sprintf("SET GLOBAL %s = %v", name, p.fault.Set[name]))
		restore = append(restore, fmt.Sprintf("SET GLOBAL %s = %s", name, strings.TrimSpace(before)))
	}
	return breakage{p.back("mysql", "-e", strings.Join(restore, "; ")), p.run("mysql", "-e", strings.Join(set, "; "))}, nil
}

// clock moves the clock of a machine. The machine's hardware clock, which is left alone,
// puts it right.
func clock(_ context.Context, p place) (breakage, error) {
	moved := fmt.Sprintf("%+d seconds", int(p.fault.Offset.Seconds()))
	return breakage{p.back("sh", "-c", "hwclock --hctosys; timedatectl set-ntp true"), func(ctx context.Context) error {
		if err := p.run("timedatectl", "set-ntp", "false")(ctx); err != nil {
			return err
		}
		return p.run("date", "-s", moved)(ctx)
	}}, nil
}
