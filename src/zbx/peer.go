package zbx

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"chatlab/src/errs"
)

// Peer is whoever is spoken to: an agent, or a server's trapper.
type Peer struct {
	Addr     string        // host:port
	TLS      *tls.Config   // nil: none; a server name that is not set is the host's
	Timeout  time.Duration // for one exchange, default 10 s
	Compress bool          // requests of over 1 KiB, as Zabbix's own programs do
}

// compressFrom is the length in bytes from which compressing pays.
const compressFrom = 1 << 10

// exchange sends one frame and reads one. Fails with code unavailable.
func (p Peer) exchange(ctx context.Context, request []byte) ([]byte, error) {
	return p.speak(ctx, request, true)
}

// tell sends one frame that has no answer.
func (p Peer) tell(ctx context.Context, request []byte) error {
	_, err := p.speak(ctx, request, false)
	return err
}

func (p Peer) speak(ctx context.Context, request []byte, answered bool) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, or(p.Timeout, 10*time.Second))
	defer cancel()
	conn, err := p.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	frame := AppendFrame(nil, request)
	if p.Compress && len(request) >= compressFrom {
		frame = AppendFlagged(frame[:0], FlagCompressed, request)
	}
	if _, err := conn.Write(frame); err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "%s takes no request", p.Addr)
	}
	if !answered {
		return nil, nil
	}
	data, err := ReadFrame(conn, nil)
	if err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "%s gives no answer (does it allow this machine?)", p.Addr)
	}
	return data, nil
}

func (p Peer) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", p.Addr)
	if err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "%s does not answer", p.Addr)
	}
	if p.TLS == nil {
		return raw, nil
	}
	config := p.TLS
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName, _, _ = net.SplitHostPort(p.Addr)
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, errs.Wrap(err, errs.Unavailable, "%s: no TLS", p.Addr)
	}
	return conn, nil
}
