package ferret

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/FerretDB/FerretDB/ferretdb"

	"chatlab/src/errs"
	"chatlab/src/mtls"
	"chatlab/src/wait"
)

// Limits of the door. A driver keeps up to 100 connections.
const (
	maxConns  = 512
	maxOfPeer = 128
	handshake = 5 * time.Second
)

// Door is an embedded server that listens on a Unix socket in a folder of its own, and
// a listener before it that admits log servers and the operator by their certificates.
// The server knows no users: an admitted role may do anything.
type Door struct {
	server  *Server
	ln      net.Listener
	tls     *tls.Config
	folder  *os.File // of the socket
	places  *mtls.Places
	refused *mtls.Refusals
}

// ListenTLS binds the door on host:port, and the server on a socket below dir. Fails
// with code usage.
func ListenTLS(addr, dir string, f mtls.Files, log *slog.Logger) (*Door, error) {
	config, err := mtls.Server(f, mtls.Admitted(mtls.MongoDB)...)
	if err != nil {
		return nil, err
	}
	if dir, err = folder(dir); err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", addr) // first: another server of the same folder has it
	if err != nil {
		return nil, errs.E(errs.Usage, "embedded database on %s: %w", addr, err).WithFix("stop what holds the address")
	}
	d := &Door{ln: ln, tls: config, places: mtls.NewPlaces(maxConns, maxOfPeer), refused: mtls.NewRefusals(log)}
	if err := d.serveSocket(dir); err != nil {
		_ = ln.Close()
		return nil, err
	}
	return d, nil
}

// serveSocket binds the server. Its folder keeps other users of the machine out.
func (d *Door) serveSocket(dir string) error {
	inner := filepath.Join(dir, "socket")
	err := os.MkdirAll(inner, 0o700)
	if err == nil {
		err = os.Chmod(inner, 0o700) //nolint:gosec // a folder
	}
	if err == nil {
		err = os.Remove(filepath.Join(inner, socketName)) // of a server that was killed
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		d.folder, err = os.Open(inner)
	}
	if err != nil {
		return errs.E(errs.Usage, "embedded database: %w", err)
	}
	if d.server, err = listen(ferretdb.ListenerConfig{Unix: d.socket()}, dir); err != nil {
		_ = d.folder.Close()
	}
	return err
}

const socketName = "mongod.sock"

// socket names the socket by its folder's descriptor: the path of a socket may have
// 107 bytes, and a state folder may be deep.
func (d *Door) socket() string {
	return filepath.Join("/proc/self/fd", strconv.FormatUint(uint64(d.folder.Fd()), 10), socketName)
}

// Addr returns the address that was bound.
func (d *Door) Addr() string { return d.ln.Addr().String() }

// Serve runs the server and takes connections until ctx ends. Call it once.
func (d *Door) Serve(ctx context.Context) error {
	defer func() { _ = d.folder.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { d.accept(ctx, &running) })
	closing := context.AfterFunc(ctx, func() { _ = d.ln.Close() })
	defer closing()
	return d.server.Serve(ctx)
}

func (d *Door) accept(ctx context.Context, running *sync.WaitGroup) {
	for {
		c, err := d.ln.Accept()
		switch {
		case err == nil:
			running.Go(func() { d.admit(ctx, c) })
		case errors.Is(err, net.ErrClosed) || !wait.Sleep(ctx, 100*time.Millisecond):
			return
		}
	}
}

// admit takes one connection from its handshake to its end.
func (d *Door) admit(ctx context.Context, raw net.Conn) {
	defer func() { _ = raw.Close() }()
	closing := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer closing()
	c := tls.Server(raw, d.tls)
	peer, err := d.peer(ctx, c)
	if err == nil {
		err = d.places.Enter(peer)
	}
	if err != nil {
		d.refused.Say(raw.RemoteAddr().String(), err)
		return
	}
	defer d.places.Leave(peer)
	to, err := net.Dial("unix", d.socket())
	if err != nil {
		return // the server is stopping
	}
	defer func() { _ = to.Close() }()
	var copying sync.WaitGroup
	copying.Go(func() { pass(to, c) })
	pass(c, to)
	copying.Wait()
}

// pass copies one direction, then ends both: neither side speaks on alone.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
}

func (d *Door) peer(ctx context.Context, c *tls.Conn) (mtls.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, handshake)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		return mtls.Identity{}, err
	}
	return mtls.PeerOf(c.ConnectionState())
}
