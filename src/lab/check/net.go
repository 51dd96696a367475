package check

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"chatlab/src/lab/inventory"
	"chatlab/src/metrics"
)

// isolationTimeout is how long a private port may stay silent on a public
// address before it counts as not answering: a firewall may drop instead of
// refusing.
const isolationTimeout = 700 * time.Millisecond

// ops names the programs that have an ops listener, with the group that runs
// each.
var ops = []struct{ name, part string }{
	{"authd", partAuth}, {"chatd", partChat}, {"logd", partLogd}, {"healthd", partHealth},
	{"authd_logger", partAuth}, {"chatd_logger", partChat},
}

// opsChecks proves the ops listener of each program on each node.
func opsChecks(j *Journey) []Check {
	var checks []Check
	for _, o := range ops {
		hint := "the log of " + o.name + " (`lab status` says where)"
		checks = append(checks, j.group(o.part, hint, []Check{
			{Name: "ops.ready." + o.name, Text: o.name + " says that it is ready", Run: func(ctx context.Context, e *Env) error {
				return e.eachOps(ctx, o.name, o.part, opsReady)
			}},
			{Name: "ops.metrics." + o.name, Text: o.name + " has metrics in Prometheus' text format", Run: func(ctx context.Context, e *Env) error {
				return e.eachOps(ctx, o.name, o.part, opsMetrics)
			}},
		})...)
	}
	return checks
}

func (e *Env) eachOps(ctx context.Context, name, part string, state func(*Env, context.Context, string) error) error {
	for _, n := range e.lab.Inventory.Members(part) {
		if err := state(e, ctx, "http://"+e.lab.Inventory.OpsAddress(name, n)); err != nil {
			return fmt.Errorf("%s on %s: %w", name, n.Name, err)
		}
	}
	return nil
}

func opsReady(e *Env, ctx context.Context, base string) error {
	for _, path := range []string{"/healthz", "/readyz"} {
		r, err := e.get(ctx, base+path)
		if err != nil {
			return err
		}
		e.True(r.status == http.StatusOK, "200 of "+path, "%d %s", r.status, r.body)
	}
	return nil
}

func opsMetrics(e *Env, ctx context.Context, base string) error {
	r, err := e.get(ctx, base+"/metrics")
	if err != nil {
		return err
	}
	e.Same("status", http.StatusOK, r.status)
	e.Same("content type", "text/plain", r.ctype)
	page, err := metrics.Parse(strings.NewReader(r.body + "\n"))
	if err != nil {
		return failf("metrics", "%v", err)
	}
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes"} {
		_, found := page.Sum(metrics.Named(name))
		e.True(found, "the metric "+name, "none of this name")
	}
	return nil
}

// netChecks proves that the public listeners answer on the public network, and
// that the private ones do on the private network alone.
func netChecks(j *Journey) []Check {
	checks := []Check{
		{Name: "net.public.auth", Text: "authd answers on its public address", Needs: []Need{has(partAuth)}, Run: public(partAuth)},
		{Name: "net.public.chat", Text: "chatd answers on its public address", Needs: []Need{has(partChat)}, Run: public(partChat)},
	}
	for _, part := range []string{partLogd, partMongo, partMaria, partHealth} {
		if part == partMaria && len(j.serving(part)) == 0 {
			continue // an embedded database has no listener to hide
		}
		checks = append(checks, Check{Name: "net.isolation." + part, Text: part + " answers on no public address", Needs: []Need{has(part)},
			Run: func(ctx context.Context, e *Env) error {
				return e.isolated(ctx, e.serving(part))
			}})
	}
	checks = append(checks, Check{Name: "net.isolation.tokens", Text: "the list of ended tokens answers on no public address", Needs: []Need{has(partAuth)},
		Run: func(ctx context.Context, e *Env) error {
			var all []endpoint
			for _, n := range e.lab.Inventory.Members(inventory.Authd) {
				all = append(all, endpoint{n.Name, e.lab.Inventory.AuthPrivateAddress(n)})
			}
			return e.isolated(ctx, all)
		}})
	checks = append(checks, Check{Name: "net.isolation.ops", Text: "no ops listener answers on a public address", Run: func(ctx context.Context, e *Env) error {
		var all []endpoint
		for _, o := range ops {
			for _, n := range e.lab.Inventory.Members(o.part) {
				all = append(all, endpoint{n.Name, e.lab.Inventory.OpsAddress(o.name, n)})
			}
		}
		return e.isolated(ctx, all)
	}})
	for i := range checks {
		checks[i].Hint = "the `listen` keys of the daemons' configuration; the firewall of the node"
	}
	return checks
}

func public(part string) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		for _, at := range e.serving(part) {
			n, _ := e.lab.Inventory.Node(at.node)
			host, _, err := net.SplitHostPort(at.addr)
			if err != nil {
				return err
			}
			e.Same("address of "+part+" on "+at.node, n.Public.String(), host)
			err = answers(ctx, outside, at.addr)
			e.True(err == nil, at.addr+" answering", "%v", err)
		}
		return nil
	}
}

// isolated states that listeners answer where they are, and that nothing
// answers at their ports on the public address of any node.
func (e *Env) isolated(ctx context.Context, private []endpoint) error {
	ports := map[string]bool{}
	for _, at := range private {
		_, port, err := net.SplitHostPort(at.addr)
		if err != nil {
			return err
		}
		ports[port] = true
		err = answers(ctx, e.lab.Target.Dial, at.addr)
		e.True(err == nil, fmt.Sprintf("%s answering on %s's private address", at.addr, at.node), "%v", err)
	}
	var dials errgroup.Group
	for _, public := range e.publicAddresses() {
		for port := range ports {
			if e.publicPort(port) {
				continue
			}
			addr := net.JoinHostPort(public.addr, port)
			dials.Go(func() error {
				limit, cancel := context.WithTimeout(ctx, e.allow(isolationTimeout))
				defer cancel()
				err := answers(limit, outside, addr)
				e.True(err != nil, fmt.Sprintf("nothing at %s, the public address of %s", addr, public.node), "it answers")
				return nil
			})
		}
	}
	return dials.Wait()
}

// publicAddresses are the nodes' own, and those that move, without ports.
func (e *Env) publicAddresses() []endpoint {
	var all []endpoint
	for _, n := range e.lab.Inventory.Nodes {
		all = append(all, endpoint{n.Name, n.Public.String()})
	}
	for _, part := range []string{partAuth, partChat} {
		if host, _, err := net.SplitHostPort(e.lab.Inventory.VIP(part)); err == nil {
			all = append(all, endpoint{"whichever " + part + " has it", host})
		}
	}
	return all
}

// publicPort tells whether a port is one of those that users need.
func (e *Env) publicPort(port string) bool {
	inv := e.lab.Inventory
	return port == strconv.Itoa(inv.Port("auth")) || port == strconv.Itoa(inv.Port("chat"))
}

// dialer opens a connection, as [net.Dialer.DialContext].
type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// outside dials as any machine that is no part of the lab.
func outside(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// answers tells whether a TCP connection is taken, nil if so.
func answers(ctx context.Context, dial dialer, addr string) error {
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

// secretChecks proves that nobody else reads the deployment's secrets, where
// the target keeps them on this machine.
func secretChecks() []Check {
	return []Check{{
		Name: "secrets.mode", Text: "the deployment's secrets are readable by their owner only",
		Hint: "chmod 600 the file", Needs: []Need{func(j *Journey) string {
			if len(j.secretFiles()) == 0 {
				return "target " + j.lab.Target.Name() + " keeps no secrets on this machine"
			}
			return ""
		}},
		Run: func(_ context.Context, e *Env) error {
			for _, path := range e.secretFiles() {
				info, err := os.Stat(path)
				if err != nil {
					return err
				}
				e.True(info.Mode().IsRegular() && info.Mode().Perm()&0o077 == 0, path+" with mode 0600", "%04o", info.Mode().Perm())
				e.True(info.Size() > 0, path+" with something in it", "it is empty")
			}
			return nil
		},
	}}
}

// secretFiles lists the secrets that are files of this machine.
func (j *Journey) secretFiles() []string {
	var out []string
	for _, name := range []string{"jwt.key", "operator.key", "mongodb.password"} {
		if path, err := j.lab.Target.Secret(name); err == nil {
			if _, err := os.Stat(path); err == nil {
				out = append(out, path)
			}
		}
	}
	return out
}
