package health

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"chatlab/src/errs"
)

// probe asks one member in its own protocol whether it serves.
type probe func(ctx context.Context, addr string) error

const maxAnswer = 4 << 10 // bytes looked at

// probeAuth asks for the auth server's health.
func probeAuth(ctx context.Context, addr string) error {
	body, err := get(ctx, "http://"+addr+"/auth/health", maxAnswer)
	if err != nil {
		return err
	}
	var answer struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Message != "alive" {
		return errs.E(errs.Failed, "%s does not say that it is alive", addr)
	}
	return nil
}

// probeChat offers a token that cannot be one: a chat server refuses it with a
// code of its protocol, without a session, a user or an event.
func probeChat(ctx context.Context, addr string) error {
	conn, err := dial(ctx, addr)
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
		return errs.E(errs.Failed, "%s does not answer as a chat server that serves", addr)
	}
	return nil
}

// probeLogd connects: without a certificate nothing more is to be had.
func probeLogd(ctx context.Context, addr string) error {
	conn, err := dial(ctx, addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

// probeReady asks an ops listener.
func probeReady(ctx context.Context, addr string) error {
	_, err := get(ctx, "http://"+addr+"/readyz", maxAnswer)
	return err
}

// get returns the body of a 200, up to limit bytes.
func get(ctx context.Context, url string, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := oneCall().Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, errs.E(errs.Failed, "%s answers %d", url, res.StatusCode)
	}
	return io.ReadAll(io.LimitReader(res.Body, limit))
}

// oneCall makes a connection of its own: that is what is to be proven.
func oneCall() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
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
