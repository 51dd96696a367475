package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/mtls"
)

// tlsScheme begins the address of a chat server with TLS.
const tlsScheme = "tls://"

// Dialer opens a connection, as [net.Dialer.DialContext].
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Connect connects to a chat server at host:port, or tls://host:port, whose certificate
// must be of the roots, see [mtls.Roots]. ctx bounds the handshake, too. Fails with codes
// usage and unavailable.
func Connect(ctx context.Context, dial Dialer, roots *x509.CertPool, address string) (net.Conn, error) {
	plain, secure := strings.CutPrefix(address, tlsScheme)
	host, port, err := net.SplitHostPort(plain)
	if err != nil {
		return nil, errs.E(errs.Usage, "address of the chat server: %w", err)
	}
	conn, err := dial(ctx, "tcp", plain)
	if err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "the chat server at %s does not answer", address).
			WithFix("see whether chatd runs there: %s", byHand(secure, host, port))
	}
	if !secure {
		return conn, nil
	}
	config := mtls.Caller(roots)
	config.ServerName = host
	greeted := tls.Client(conn, config)
	if err := greeted.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		if fault := tlsFault(err, "chat", address, "HOST:PORT"); fault != nil {
			return nil, fault
		}
		return nil, errs.Wrap(err, errs.Unavailable, "the chat server at %s makes no handshake of TLS", address)
	}
	return greeted, nil
}

// connection is Connect to one of the chat's servers, within the time of an answer.
func (c *Chat) connection(ctx context.Context, address string) (net.Conn, error) {
	limit, cancel := context.WithTimeout(ctx, c.opts.AnswerTime)
	defer cancel()
	return Connect(limit, c.opts.DialContext, c.opts.Roots, address)
}

// byHand is the command by which a person talks to a chat server.
func byHand(secure bool, host, port string) string {
	if secure {
		return "openssl s_client -connect " + net.JoinHostPort(host, port)
	}
	return "nc " + host + " " + port
}

// tlsFault words a failed handshake with a server; nil if err is of another kind.
// plain is how an address without TLS is written.
func tlsFault(err error, server, address, plain string) error {
	switch {
	case mtls.Untrusted(err):
		return errs.Wrap(err, errs.Unavailable, "the certificate of the %s server at %s is not trusted", server, address).
			WithFix("give the lab's CA: --ca ca.pem, or the key ca in the configuration; the address must be one that the certificate names")
	case mtls.NoTLS(err), err.Error() == plainAnswer:
		return errs.Wrap(err, errs.Unavailable, "the %s server at %s does not speak TLS", server, address).
			WithFix("write its address as %s", plain)
	}
	return nil
}

// plainAnswer is net/http's error for a server without TLS: it has no type.
const plainAnswer = "http: server gave HTTP response to HTTPS client"

// onlyHTTPS reports whether an answer is net/http's to a request without TLS.
func onlyHTTPS(resp *http.Response, text []byte) bool {
	return resp.StatusCode == http.StatusBadRequest && bytes.HasPrefix(text, []byte("Client sent an HTTP request to an HTTPS server"))
}
