package remote

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"chatlab/src/errs"
	"chatlab/src/lab"
)

// Limits of a connection.
const (
	connectLimit = 5 * time.Second
	aliveEvery   = 2 * time.Second // between two questions whether it still lives
	aliveLimit   = 6 * time.Second // to answer one
	sessions     = 8               // commands at once; sshd's MaxSessions is 10
)

// Access says how the machines are reached.
type Access struct {
	User       string // root where empty; another one needs sudo without a password
	Port       string // 22 where empty
	Key        string // file of the private key
	Agent      string // socket of an SSH agent, asked when there is no such file; may be empty
	KnownHosts string // file; a machine whose key is not in it is refused
}

// link is one SSH connection to a machine, opened when it is needed and again
// when it broke. It is safe for several goroutines.
type link struct {
	node, address string // host:port
	access        Access
	slots         chan struct{}
	patience      float64 // by how much the limits are longer, at least 1

	mu     sync.Mutex
	client *ssh.Client

	watching sync.WaitGroup // of each client that was opened
}

func newLink(node, address string, a Access) *link {
	if a.User == "" {
		a.User = "root"
	}
	if a.Port == "" {
		a.Port = "22"
	}
	return &link{node: node, address: net.JoinHostPort(address, a.Port), access: a, slots: make(chan struct{}, sessions), patience: 1}
}

// allow returns a limit as the machine needs it.
func (l *link) allow(limit time.Duration) time.Duration {
	return time.Duration(float64(limit) * l.patience)
}

// get returns the open connection, or a new one. Codes: usage (the key or the
// list of hosts cannot be read), unavailable.
func (l *link) get(ctx context.Context) (*ssh.Client, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.client != nil {
		return l.client, nil
	}
	config, err := l.access.config(l.allow(connectLimit))
	if err != nil {
		return nil, err
	}
	client, err := dialSSH(ctx, l.address, config)
	if err != nil {
		return nil, errs.E(errs.Unavailable, "%s: no SSH at %s: %w", l.node, l.address, err)
	}
	l.client = client
	l.watching.Go(func() { l.watch(client) })
	return client, nil
}

// watch ends a connection that no longer answers, so that who waits on it is
// told, and forgets one that ended.
func (l *link) watch(client *ssh.Client) {
	ended := make(chan struct{})
	l.watching.Go(func() {
		defer close(ended)
		_ = client.Wait()
	})
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			l.drop(client)
			return
		case <-tick.C:
		}
		late := time.AfterFunc(l.allow(aliveLimit), func() { _ = client.Close() })
		_, _, err := client.SendRequest("keepalive@openssh.com", true, nil)
		late.Stop()
		if err != nil {
			_ = client.Close()
		}
	}
}

// drop forgets a connection; the next who needs one opens it.
func (l *link) drop(client *ssh.Client) {
	_ = client.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.client == client {
		l.client = nil
	}
}

func (l *link) close() {
	l.mu.Lock()
	client := l.client
	l.mu.Unlock()
	if client != nil {
		l.drop(client)
	}
	l.watching.Wait()
}

// use calls f with a connection, once more with a new one when the first turns
// out to be broken.
func (l *link) use(ctx context.Context, f func(*ssh.Client) error) error {
	for try := 0; ; try++ {
		client, err := l.get(ctx)
		if err != nil {
			return err
		}
		err = f(client)
		var refused *ssh.OpenChannelError
		if err == nil || errors.As(err, &refused) || !errors.Is(err, errBroken) || try > 0 || ctx.Err() != nil {
			return err
		}
		l.drop(client)
	}
}

// errBroken marks what failed since the connection did, before anything was done.
var errBroken = errors.New("the SSH connection is broken")

// run runs a command; its standard input is text.
func (l *link) run(ctx context.Context, text string, argv ...string) (stdout string, err error) {
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	err = l.use(ctx, func(client *ssh.Client) error {
		session, err := client.NewSession()
		if err != nil {
			return errors.Join(errBroken, err)
		}
		defer func() { _ = session.Close() }()
		stop := context.AfterFunc(ctx, func() { _ = session.Close() })
		defer stop()
		var out, diag bytes.Buffer
		session.Stdin, session.Stdout, session.Stderr = strings.NewReader(text), &out, &diag
		err = session.Run(lab.Shell(l.asRoot(argv)...))
		stdout = out.String()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return l.explain(argv, diag.String(), err)
	})
	return stdout, err
}

// asRoot is how root's commands are run by the user who logs in.
func (l *link) asRoot(argv []string) []string {
	if l.access.User == "root" {
		return argv
	}
	return append([]string{"sudo", "-n", "--"}, argv...)
}

// explain says in one line why a command failed. Code failed.
func (l *link) explain(argv []string, diag string, err error) error {
	if err == nil {
		return nil
	}
	reason := err.Error()
	if first, _, _ := strings.Cut(strings.TrimSpace(diag), "\n"); first != "" {
		reason = first
	}
	return errs.E(errs.Failed, "%s on %s: %s", argv[0], l.node, reason)
}

// dial opens a connection from the machine to an address.
func (l *link) dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	err = l.use(ctx, func(client *ssh.Client) error {
		raw, err := client.DialContext(ctx, network, addr)
		var refused *ssh.OpenChannelError
		switch {
		case errors.As(err, &refused):
			return errs.E(errs.Unavailable, "dial %s %s from %s: %s", network, addr, l.node, strings.TrimSpace(refused.Message))
		case err != nil:
			return errors.Join(errBroken, err)
		}
		conn = withDeadlines(raw)
		return nil
	})
	return conn, err
}

// Check reports mistakes in the files before each machine does. Code usage.
func (a Access) Check() error {
	_, err := a.config(connectLimit)
	return err
}

func (a Access) config(limit time.Duration) (*ssh.ClientConfig, error) {
	method, err := a.method()
	if err != nil {
		return nil, err
	}
	known, err := knownhosts.New(a.KnownHosts)
	if err != nil {
		return nil, errs.E(errs.Usage, "known hosts: %w", err).WithFix("take the machines' keys up once: `ssh %s@HOST true` for each", a.User)
	}
	return &ssh.ClientConfig{
		User: a.User, Auth: []ssh.AuthMethod{method},
		HostKeyCallback: known, HostKeyAlgorithms: []string{ssh.KeyAlgoED25519}, Timeout: limit,
	}, nil
}

// method is how the user proves who he is: with the key, or else with the agent's.
func (a Access) method() (ssh.AuthMethod, error) {
	text, err := os.ReadFile(a.Key)
	if errors.Is(err, fs.ErrNotExist) && a.Agent != "" {
		return ssh.PublicKeysCallback(a.agentKeys), nil
	}
	if err != nil {
		return nil, errs.E(errs.Usage, "SSH key: %w", err).WithFix("name the private key that the machines know, --ssh-key FILE, or start an SSH agent that has it")
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, errs.E(errs.Usage, "SSH key %s: %w", a.Key, err).WithFix("name a key without a passphrase, --ssh-key FILE, or add it to an SSH agent")
	}
	return ssh.PublicKeys(key), nil
}

// agentKeys returns the agent's keys. They sign over the connection, which stays open for
// as long as the program runs.
func (a Access) agentKeys() ([]ssh.Signer, error) {
	conn, err := net.Dial("unix", a.Agent)
	if err != nil {
		return nil, errs.E(errs.Usage, "SSH agent: %w", err).WithFix("start one, or name a private key: --ssh-key FILE")
	}
	return agent.NewClient(conn).Signers()
}

func dialSSH(ctx context.Context, addr string, config *ssh.ClientConfig) (*ssh.Client, error) {
	limit, cancel := context.WithTimeout(ctx, config.Timeout)
	defer cancel()
	var d net.Dialer
	raw, err := d.DialContext(limit, "tcp", addr)
	if err != nil {
		return nil, err
	}
	until, _ := limit.Deadline()
	_ = raw.SetDeadline(until)
	stop := context.AfterFunc(limit, func() { _ = raw.Close() })
	conn, channels, requests, err := ssh.NewClientConn(raw, addr, config)
	if !stop() && err == nil {
		err = limit.Err()
	}
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	_ = raw.SetDeadline(time.Time{})
	return ssh.NewClient(conn, channels, requests), nil
}
