package health

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chatlab/src/errs"
)

// probe asks one member in its own protocol whether it serves.
type probe func(ctx context.Context, m member) error

const maxAnswer = 4 << 10 // bytes looked at

// memberLimit is how long a member may take: a machine without power never answers, and
// the count of the others must be there before the server's own limit.
const memberLimit = 1500 * time.Millisecond

// up is 1 when every member of a service (or the one at the address) answers on its own
// protocol, and says on its ops listener, where one is configured, that it is ready;
// otherwise 0.
func (s Services) up(ctx context.Context, params []string) (string, error) {
	if len(params) == 0 || len(params) > 2 {
		return "", errs.E(errs.BadRequest, "Give auth, chat or logd, and perhaps a member's address.")
	}
	members, probe, err := s.members(params...)
	if err != nil {
		return "", err
	}
	if serving(ctx, members, probe) < len(members) {
		return "0", nil
	}
	return "1", nil
}

// count is how many members of a service are up.
func (s Services) count(ctx context.Context, params []string) (string, error) {
	members, probe, err := s.all(params)
	if err != nil {
		return "", err
	}
	return strconv.Itoa(serving(ctx, members, probe)), nil
}

// expected is how many members a service should have.
func (s Services) expected(_ context.Context, params []string) (string, error) {
	members, _, err := s.all(params)
	return strconv.Itoa(len(members)), err
}

// all returns the members of the service that is the only parameter.
func (s Services) all(params []string) ([]member, probe, error) {
	if len(params) != 1 {
		return nil, nil, errs.E(errs.BadRequest, "Give auth, chat or logd.")
	}
	return s.members(params[0])
}

// serving counts the members that are up.
func serving(ctx context.Context, members []member, probe probe) int {
	var up atomic.Int64
	var all sync.WaitGroup
	for _, m := range members {
		all.Go(func() {
			if probe(ctx, m) == nil && (m.ops == "" || probeReady(ctx, m.ops) == nil) {
				up.Add(1)
			}
		})
	}
	all.Wait()
	return int(up.Load())
}

// probeAuth asks for the auth server's health.
func probeAuth(ctx context.Context, m member) error {
	body, err := get(ctx, m.tls, m.url()+"/auth/health", maxAnswer)
	if err != nil {
		return err
	}
	var answer struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Message != "alive" {
		return errs.E(errs.Failed, "%s does not say that it is alive", m.addr)
	}
	return nil
}

// probeChat offers a token that cannot be one: a chat server refuses it with a
// code of its protocol, without a session, a user or an event.
func probeChat(ctx context.Context, m member) error {
	conn, err := m.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "healthd\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(io.LimitReader(conn, maxAnswer)).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "error: bad_token:") {
		return errs.E(errs.Failed, "%s does not answer as a chat server that serves", m.addr)
	}
	return nil
}

// probeLogd connects: without a certificate nothing more is to be had.
func probeLogd(ctx context.Context, m member) error {
	conn, err := dial(ctx, m.addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

// probeReady asks an ops listener.
func probeReady(ctx context.Context, addr string) error {
	_, err := get(ctx, nil, "http://"+addr+"/readyz", maxAnswer)
	return err
}

// get returns the body of a 200, up to limit bytes.
func get(ctx context.Context, secure *tls.Config, url string, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	caller := &http.Client{ // a connection of its own: that one is accepted is part of the proof
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: secure},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := caller.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, errs.E(errs.Failed, "%s answers %d", url, res.StatusCode)
	}
	return io.ReadAll(io.LimitReader(res.Body, limit))
}

// url returns the base URL of an auth server.
func (m member) url() string {
	if m.tls != nil {
		return "https://" + m.addr
	}
	return "http://" + m.addr
}

// dial connects as dial does, and makes the handshake of a member with TLS.
func (m member) dial(ctx context.Context) (net.Conn, error) {
	raw, err := dial(ctx, m.addr)
	if err != nil || m.tls == nil {
		return raw, err
	}
	config := m.tls.Clone()
	config.ServerName, _, _ = net.SplitHostPort(m.addr)
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, errs.Wrap(err, errs.Failed, "%s makes no handshake of TLS", m.addr)
	}
	return conn, nil
}

// dial connects, with a deadline on all that follows.
func dial(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(timeout)
	}
	return conn, conn.SetDeadline(deadline)
}
