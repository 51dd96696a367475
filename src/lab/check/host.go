package check

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

// What must hold of a machine.
const (
	maxExposure = 4.0         // of `systemd-analyze security`, for each of the project's services
	maxApart    = time.Second // between a machine's clock and this one's
)

// hostChecks proves what only machines have: units, clocks, listeners.
func hostChecks(j *Journey) []Check {
	target, ok := j.lab.Target.(lab.Machined)
	if !ok {
		return nil
	}
	var checks []Check
	for _, n := range j.lab.Inventory.Nodes {
		add := func(name, text, hint string, run func(ctx context.Context, e *Env, h lab.Host) error) {
			checks = append(checks, Check{
				Name: name + "." + n.Name, Node: n.Name, Text: text + " on " + n.Name, Hint: hint, Timeout: 30 * time.Second,
				Run: func(ctx context.Context, e *Env) error {
					h, err := e.lab.Target.Host(n.Name)
					if err != nil {
						return err
					}
					return run(ctx, e, h)
				},
			})
		}
		add("host.hardening", fmt.Sprintf("each service's exposure is at most %.1f", maxExposure), "`systemd-analyze security UNIT` on the node; its unit and drop-ins",
			func(ctx context.Context, e *Env, h lab.Host) error { return e.hardened(ctx, target, h, n) })
		add("host.time", "the clock is in step", "`timedatectl` on the node", inStep)
		add("host.listeners", "nothing listens that the lab does not need", "`ss -ltnup` on the node",
			func(ctx context.Context, e *Env, h lab.Host) error { return e.onlyListed(ctx, h, n) })
	}
	return checks
}

// exposure finds the figure in the last line of `systemd-analyze security`.
var exposure = regexp.MustCompile(`exposure level for \S+: (\d+(?:\.\d+)?)`)

func (e *Env) hardened(ctx context.Context, target lab.Machined, h lab.Host, n inventory.Node) error {
	for _, service := range e.lab.Inventory.Services(n) {
		unit, err := target.Unit(n.Name, service)
		if err != nil || !strings.HasPrefix(unit, "chatlab-") {
			continue // a vendor's unit is the vendor's
		}
		// The text decides: an older systemd knows no such operation, and 219 exits 0 all the same.
		text, err := h.Run(ctx, "sh", "-c", "systemd-analyze security --no-pager "+unit+".service 2>&1 || true")
		if err != nil {
			return err
		}
		if strings.Contains(text, "Unknown operation") {
			return &skipError{"the systemd of " + n.Name + " cannot judge units"}
		}
		found := exposure.FindStringSubmatch(text)
		if found == nil {
			return failf("an exposure level for "+unit, "%s", lastOf(text))
		}
		figure, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			return err
		}
		e.True(figure <= maxExposure, fmt.Sprintf("%s with an exposure of at most %.1f", unit, maxExposure), "%.1f", figure)
	}
	return nil
}

func lastOf(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// inStep compares a machine's clock with this one's; what the way there and
// back took is granted.
func inStep(ctx context.Context, e *Env, h lab.Host) error {
	before := time.Now()
	text, err := h.Run(ctx, "date", "+%s.%N")
	after := time.Now()
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return failf("a time", "%q", text)
	}
	there := time.Unix(0, int64(seconds*1e9))
	apart := max(before.Sub(there), there.Sub(after), 0)
	e.True(apart <= maxApart, "a clock within "+maxApart.String(), "it is %s apart", apart.Round(time.Millisecond))
	return nil
}

func (e *Env) onlyListed(ctx context.Context, h lab.Host, n inventory.Node) error {
	text, err := h.Run(ctx, "ss", "-H", "-ltnu")
	if err != nil {
		return err
	}
	found, err := listeners(text)
	if err != nil {
		return err
	}
	allowed := e.listed(n)
	for _, l := range found {
		at := l.String()
		ok := l.addr.Addr().IsLoopback() || l.leases(n) || slices.Contains(allowed, at)
		e.True(ok, "nothing that listens but "+strings.Join(allowed, " "), "%s", at)
	}
	for _, at := range allowed {
		if strings.HasSuffix(at, ":22") {
			continue
		}
		e.True(slices.ContainsFunc(found, func(l listener) bool { return l.String() == at }) || optional(at),
			at+" listening on "+n.Name, "it is not in `ss -ltnu`")
	}
	return nil
}

// optionalPorts belong to parts that a lab may leave out.
var optionalPorts = []string{":10050", ":10051", ":3000", ":8080"}

func optional(at string) bool {
	return slices.ContainsFunc(optionalPorts, func(p string) bool { return strings.HasSuffix(at, p) })
}

// listed returns what may listen on a node, as `tcp ADDRESS:PORT`.
func (e *Env) listed(n inventory.Node) []string {
	inv := e.lab.Inventory
	out := []string{"tcp 0.0.0.0:22", "tcp [::]:22"}
	for _, service := range inv.Services(n) {
		switch service {
		case inventory.ZabbixServer:
			out = append(out, "tcp "+n.Private.String()+":10051", "tcp "+n.Public.String()+":8080")
		case inventory.Grafana:
			out = append(out, "tcp "+n.Public.String()+":3000")
		default:
			out = append(out, "tcp "+inv.Address(service, n))
		}
	}
	for _, service := range []string{inventory.Authd, inventory.Chatd} { // also where the address is not at the moment
		if vip := inv.VIP(service); vip != "" && slices.Contains(inv.Members(service), n) {
			out = append(out, "tcp "+vip)
		}
	}
	for _, o := range ops {
		if slices.Contains(inv.Members(o.part), n) {
			out = append(out, "tcp "+inv.OpsAddress(o.name, n))
		}
	}
	if at := inv.AuthPrivateAddress(n); slices.Contains(inv.AuthPrivateAddresses(), at) {
		out = append(out, "tcp "+at)
	}
	for _, service := range []string{inventory.Chatd, inventory.MariaDB} {
		if at := inv.PeerAddress(service, n); slices.Contains(inv.PeerAddresses(service), at) {
			out = append(out, "tcp "+at)
		}
	}
	return append(out, "tcp "+n.Private.String()+":10050")
}

// listener is one line of `ss -ltnu`.
type listener struct {
	protocol string
	addr     netip.AddrPort
}

// leases tells whether it is a DHCP client, as a machine has on the interface by
// which its hypervisor reaches it; in the lab's networks there is none.
func (l listener) leases(n inventory.Node) bool {
	return l.protocol == "udp" && l.addr.Port() == 68 && l.addr.Addr() != n.Public && l.addr.Addr() != n.Private
}

func (l listener) String() string { return l.protocol + " " + l.addr.String() }

// listeners reads the output of `ss -H -ltnu`: protocol, state, two queues,
// local address, peer.
func listeners(text string) ([]listener, error) {
	var out []listener
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) < 5 {
			return nil, failf("a line of ss with an address", "%q", line)
		}
		addr, err := listenAddress(f[4])
		if err != nil {
			return nil, failf("an address in ss's line", "%q", line)
		}
		out = append(out, listener{f[0], addr})
	}
	if len(out) == 0 {
		return nil, failf("at least one listener", "ss printed none")
	}
	return out, nil
}

// listenAddress reads a local address as ss prints it. A wildcard is `*`, and the
// interface of an address follows `%`. IPv6 has brackets since iproute 4.13; CentOS 7
// has 4.11, which prints `:::22`.
func listenAddress(text string) (netip.AddrPort, error) {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return netip.AddrPort{}, fmt.Errorf("%q has no port", text)
	}
	host := strings.NewReplacer("[", "", "]", "", "*", "::").Replace(text[:colon])
	if v4, _, ok := strings.Cut(host, "%"); ok && strings.Contains(v4, ".") {
		host = v4 // netip refuses a zone there
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(text[colon+1:], 10, 16)
	return netip.AddrPortFrom(addr, uint16(port)), err
}
