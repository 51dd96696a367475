package natslog

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"chatlab/src/errs"
	"chatlab/src/mtls"
	"chatlab/src/wait"
)

// Cluster says how a log finds the others. All members take the same peers.
type Cluster struct {
	Listen    string // host:port of the routes listener
	PeersFile string // every member's name and routes listener, one a line; followed
	TLS       mtls.Files

	host  string
	port  int
	peers peers
	tls   *tls.Config

	password string // of the listener for clients
}

const (
	clusterName = "chatlab"
	maxReplicas = 3
	account     = "$G" // the embedded server's only account for clients
	logUser     = "chatd"
	systemUser  = "system" // who may remove a member

	routePing     = time.Second // and a route that misses routePingsOut of them is cut
	routePingsOut = 3
	routeReports  = 300 // attempts, about one a second, of which one is logged
	tlsTimeout    = 5.0 // seconds
	declareAgain  = 500 * time.Millisecond
	declareTry    = time.Second // at first, then more: what is asked before anybody leads is never answered
)

// Prepare reads the addresses and the certificates for the member of a name. Fails
// with code usage.
func (c *Cluster) Prepare(node string) error {
	host, port, err := address(c.Listen)
	if err != nil {
		return errs.E(errs.Usage, "cluster.listen: %w", err).WithFix("set it to host:port on the private network")
	}
	c.host, c.port = host, port
	c.peers.file.Path, c.peers.node = c.PeersFile, node
	if _, err := c.peers.read(); err != nil {
		return err
	}
	if c.tls, err = mtls.Peer(c.TLS, mtls.Admitted(mtls.Chatd)...); err != nil {
		return err
	}
	role := c.tls.VerifyConnection
	c.tls.VerifyConnection = func(state tls.ConnectionState) error {
		if err := role(state); err != nil {
			return err
		}
		return c.admit(state)
	}
	return nil
}

// admit refuses a route, in or out, whose certificate is of a chat server that the
// peers file does not name.
func (c *Cluster) admit(state tls.ConnectionState) error {
	peer, err := mtls.PeerOf(state)
	if err != nil || c.peers.admits(peer.Node) {
		return err
	}
	return errs.E(errs.Usage, "the certificate is of %s, a chat server that %s does not name", peer, c.PeersFile).
		WithFix("add the server to the peers file, or stop it")
}

func address(text string) (host string, port int, err error) {
	host, digits, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(digits)
	return host, port, err
}

// shrinks reports whether the log moves to this member alone.
func (c *Cluster) shrinks() bool { return c != nil && c.members() == 1 }

// members is how many there should be; no cluster is one.
func (c *Cluster) members() int {
	if c == nil {
		return 1
	}
	return len(c.peers.all())
}

// replicas follows the number of members.
func (c *Cluster) replicas() int { return min(c.members(), maxReplicas) }

// join makes a server a member. Its routes begin only when it listens for
// clients too (nats-server 2.15, StartRouting): so it does, on a free port of
// loopback, with a password that only this process knows.
func (c *Cluster) join(o *server.Options) error {
	shortenElections()
	c.password = rand.Text()
	o.DontListen, o.Host, o.Port = false, "127.0.0.1", server.RANDOM_PORT
	if err := o.ProcessConfigString(c.users()); err != nil {
		return err
	}
	o.Cluster = server.ClusterOpts{
		Name: clusterName, Host: c.host, Port: c.port, TLSConfig: c.tls, TLSTimeout: tlsTimeout, NoAdvertise: true,
		PingInterval: routePing, MaxPingsOut: routePingsOut, PoolSize: 1,
	}
	o.ConnectErrorReports, o.ReconnectErrorReports = routeReports, routeReports
	for _, m := range c.peers.linked() {
		if m.name != c.peers.node {
			o.Routes = append(o.Routes, &url.URL{Scheme: "nats-route", Host: m.address})
		}
	}
	return nil
}

// users returns the configuration of the two users that the client port admits. It is
// text because only an authorization block keeps nats-server from adding a user that
// needs no password (nats-server 2.15, configureAccounts).
func (c *Cluster) users() string {
	return fmt.Sprintf(`
		authorization { users: [ { user: %[1]s, password: "%[3]s" } ] }
		accounts { %[2]s { users: [ { user: %[4]s, password: "%[3]s" } ] } }
		system_account: "%[2]s"`, logUser, server.DEFAULT_SYSTEM_ACCOUNT, c.password, systemUser)
}

// declareInTime declares as soon as enough members are there.
func (l *Log) declareInTime() {
	ctx := l.life
	for said, limit := "", declareTry; ; limit = min(2*limit, getTimeout) {
		err := l.bring(ctx, limit)
		if err == nil {
			err = l.declareOnce(ctx, limit)
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		if text := err.Error(); text != said {
			l.logger.Info("the chat log waits for its cluster", "reason", text, "routes", len(l.others()))
			said = text
		}
		wait.Sleep(ctx, declareAgain)
	}
}

func (l *Log) declareOnce(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return l.declare(ctx)
}

// leads tells whether this server orders the log.
func (l *Log) leads() bool {
	return l.opts.Cluster == nil || l.server.JetStreamIsStreamLeader(account, streamName)
}

// others returns the names of the members that are connected, sorted.
func (l *Log) others() []string {
	routes, err := l.server.Routez(nil)
	if err != nil {
		return nil
	}
	var names []string
	for _, r := range routes.Routes {
		if r.RemoteName != "" {
			names = append(names, r.RemoteName)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
