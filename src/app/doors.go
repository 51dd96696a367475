package app

import (
	"net"
	"net/netip"
	"sync"

	"chatlab/src/errs"
)

// Network returns what one client is taken to be: the IPv4 address, or the /64 of the
// IPv6 address, of an "ip:port". Text that is none shares one network.
func Network(remote string) netip.Prefix {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	ip, bits := ap.Addr().Unmap().WithZone(""), 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits) // bits fit the family
	return p
}

// Doors counts the connections of each network.
type Doors struct {
	each, all int

	mu    sync.Mutex
	count map[netip.Prefix]int
	total int
}

// NewDoors lets in so many connections of one network, and so many in all.
func NewDoors(each, all int) *Doors {
	return &Doors{each: each, all: all, count: map[netip.Prefix]int{}}
}

// Enter lets a connection of an "ip:port" in; leave must follow, once. Fails with
// rate_limited and unavailable.
func (d *Doors) Enter(remote string) (leave func(), err error) {
	from := Network(remote)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.total >= d.all {
		return nil, errs.E(errs.Unavailable, "the server is full, try again later")
	}
	if d.count[from] >= d.each {
		return nil, errs.E(errs.RateLimited, "too many connections from your address")
	}
	d.total++
	d.count[from]++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.total--
		if d.count[from]--; d.count[from] == 0 {
			delete(d.count, from)
		}
	}, nil
}

// Listen returns a listener that closes connections beyond the doors' limits before a
// byte of them is read. refused hears of each.
func (d *Doors) Listen(ln net.Listener, refused func(error)) net.Listener {
	return &guarded{ln, d, refused}
}

type guarded struct {
	net.Listener
	doors   *Doors
	refused func(error)
}

// Accept returns the next connection that is let in.
func (g *guarded) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		leave, err := g.doors.Enter(conn.RemoteAddr().String())
		if err == nil {
			return &counted{Conn: conn, leave: sync.OnceFunc(leave)}, nil
		}
		_ = conn.Close()
		g.refused(err)
	}
}

// counted is a connection that leaves when it is closed.
type counted struct {
	net.Conn
	leave func()
}

// Close closes the connection and makes room for another.
func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
