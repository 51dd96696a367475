package check

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

// reachTimeout is how long a listener that must answer may take from another
// machine.
const reachTimeout = 3 * time.Second

// matrixChecks proves, on machines, the whole matrix of who reaches what: every
// private port on every public address answers nobody, neither from outside nor
// from any node, and on its private address answers every node.
func matrixChecks(j *Journey) []Check {
	if _, ok := j.lab.Target.(lab.Machined); !ok {
		return nil // on one machine every node is the same
	}
	checks := []Check{{
		Name: "net.matrix.outside", Text: "no private port answers on a public address from outside",
		Run: func(ctx context.Context, e *Env) error {
			e.closed(ctx, outside, "outside")
			return nil
		},
	}}
	for _, n := range j.lab.Inventory.Nodes {
		checks = append(checks, Check{
			Name: "net.matrix." + n.Name, Node: n.Name,
			Text: "from " + n.Name + " every private listener answers on its private address and no private port on a public one",
			Run:  func(ctx context.Context, e *Env) error { return e.matrixFrom(ctx, n.Name) },
		})
	}
	for i := range checks {
		checks[i].Hint = "the firewall of the node (`nft list ruleset`, `firewall-cmd --list-all-zones`); the `listen` keys of the daemons"
		checks[i].Timeout = 20 * time.Second
	}
	return checks
}

func (e *Env) matrixFrom(ctx context.Context, node string) error {
	host, err := e.lab.Target.Host(node)
	if err != nil {
		return err
	}
	from, ok := host.(lab.Vantage)
	if !ok {
		return &skipError{"no connection can be opened from " + node}
	}
	var dials errgroup.Group
	dials.SetLimit(workers)
	for _, at := range e.privateListeners() {
		dials.Go(func() error {
			limit, cancel := context.WithTimeout(ctx, e.allow(reachTimeout))
			defer cancel()
			err := answers(limit, from.Dial, at.addr)
			e.True(err == nil, fmt.Sprintf("%s on %s answering %s", at.addr, at.node, node), "%v", err)
			return nil
		})
	}
	_ = dials.Wait() // its functions return nothing
	e.closed(ctx, from.Dial, node)
	return nil
}

// closed states that no private port answers on any public address.
func (e *Env) closed(ctx context.Context, dial dialer, from string) {
	var dials errgroup.Group
	dials.SetLimit(4 * workers)
	for _, public := range e.publicAddresses() {
		for _, port := range e.privatePorts() {
			addr := net.JoinHostPort(public.addr, port)
			dials.Go(func() error {
				limit, cancel := context.WithTimeout(ctx, e.allow(isolationTimeout))
				defer cancel()
				err := answers(limit, dial, addr)
				e.True(err != nil, fmt.Sprintf("nothing at %s, the public address of %s, from %s", addr, public.node, from), "it answers")
				return nil
			})
		}
	}
	_ = dials.Wait()
}

// privateListeners are all that listen on a private address.
func (e *Env) privateListeners() []endpoint {
	var all []endpoint
	for _, part := range []string{partLogd, partMongo, partMaria, partHealth} {
		all = append(all, e.serving(part)...)
	}
	for _, o := range ops {
		for _, n := range e.lab.Inventory.Members(o.part) {
			all = append(all, endpoint{n.Name, e.lab.Inventory.OpsAddress(o.name, n)})
		}
	}
	return all
}

// privatePorts are their ports, each once, and those that other parts of a lab
// use: routes between chat servers and between databases, Zabbix agents and server.
func (e *Env) privatePorts() []string {
	addresses := slices.Concat(e.lab.Inventory.PeerAddresses(inventory.Chatd), e.lab.Inventory.PeerAddresses(inventory.MariaDB))
	for _, at := range e.privateListeners() {
		addresses = append(addresses, at.addr)
	}
	ports := []string{"10050", "10051"}
	for _, at := range addresses {
		_, port, err := net.SplitHostPort(at)
		if err == nil && !slices.Contains(ports, port) && !e.publicPort(port) {
			ports = append(ports, port)
		}
	}
	slices.SortFunc(ports, func(a, b string) int { return number(a) - number(b) })
	return ports
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
