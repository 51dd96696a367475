package chat

import (
	"crypto/tls"
	"errors"
	"net"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// handshakeRecord begins a connection of TLS. No line of the protocol begins so.
const handshakeRecord = 0x16

// errNoTLS goes to a client of TLS, which reads that this is none.
var errNoTLS = errs.E(errs.BadRequest, "this server does not speak TLS; connect without it")

// errOnlyTLS goes to a client without TLS.
var errOnlyTLS = errs.E(errs.BadRequest, "this server speaks TLS only; connect to tls://HOST:PORT, or by openssl s_client")

// secured returns the connection and the writer of a session, with TLS where the
// server has it. A reader that is cut there gets no refusal: a write of TLS that was
// broken off spoils the connection.
func (s *Server) secured(tcp *net.TCPConn) (halfCloser, *writer, error) {
	if s.tls == nil {
		w, err := newWriter(tcp, s.stats, &s.hub.tasks)
		return tcp, w, err
	}
	conn := tls.Server(tcp, s.tls)
	return conn, newSecureWriter(conn, s.stats, &s.hub.tasks), nil
}

// shakeHands makes the handshake of TLS within the time of a first line. It returns
// false when the session is over, its connection closed.
func (c *session) shakeHands() bool {
	conn, secure := c.conn.(*tls.Conn)
	if !secure {
		return true
	}
	limit := time.Now().Add(c.server.limits.FirstLine)
	_ = conn.SetWriteDeadline(limit)
	err := c.SetReadDeadline(limit)
	if err == nil {
		err = conn.Handshake()
	}
	if err == nil {
		err = conn.SetWriteDeadline(time.Time{})
	}
	if err == nil {
		return true
	}
	c.server.refusals.Say(conn.RemoteAddr().String(), err)
	if header := (tls.RecordHeaderError{}); errors.As(err, &header) && header.Conn != nil {
		c.sayInClear(header)
	}
	sever(conn)
	return false
}

// sever closes a connection at once. The end of TLS would wait for the socket.
func sever(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	_ = conn.Close()
}

// sayInClear answers a client without TLS in its mode.
func (c *session) sayInClear(header tls.RecordHeaderError) {
	c.server.stats.refused(errOnlyTLS.Code)
	refusal := wire.NewRefusal(errOnlyTLS, "")
	text := wire.AppendPlainRefusal(nil, refusal)
	if header.RecordHeader[0] == '{' {
		text = wire.AppendJSON(nil, refusal)
	}
	_ = header.Conn.SetWriteDeadline(time.Now().Add(lastTimeout))
	_, _ = header.Conn.Write(text)
	if tcp, ok := header.Conn.(*net.TCPConn); ok {
		closeGently(tcp)
	}
}
