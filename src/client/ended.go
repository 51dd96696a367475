package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"chatlab/src/errs"
	"chatlab/src/mtls"
	"chatlab/src/token"
)

// Limits of one question for ended tokens. The list has a line of some 50 bytes for
// each user who ended tokens lately.
const (
	endedTimeout = 900 * time.Millisecond
	maxEnded     = 64 << 20
)

// Ended asks the auth servers' private listeners for the users whose tokens have ended
// lately. It is safe for concurrent use.
type Ended struct {
	addresses []string
	http      *http.Client
	last      atomic.Int32
}

// NewEnded makes a client from host:port of the private listeners. Fails with code usage.
func NewEnded(files mtls.Files, addresses ...string) (*Ended, error) {
	conf, err := mtls.Client(files, mtls.Authd)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		DialTLSContext:  (&tls.Dialer{Config: conf}).DialContext,
		IdleConnTimeout: 30 * time.Second,
	}
	return &Ended{addresses: addresses, http: &http.Client{Timeout: endedTimeout, Transport: transport}}, nil
}

// Fetch returns the list of the server that answered last, or of the next that
// answers. Fails with code unavailable.
func (e *Ended) Fetch(ctx context.Context) (ended token.Ended, err error) {
	first := int(e.last.Load())
	for i := range e.addresses {
		at := (first + i) % len(e.addresses)
		if ended, err = e.fetch(ctx, e.addresses[at]); err == nil {
			e.last.Store(int32(at)) //nolint:gosec // an index
			return ended, nil
		}
	}
	return nil, err
}

func (e *Ended) fetch(ctx context.Context, address string) (token.Ended, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/ended", nil)
	if err != nil {
		return nil, errs.Wrap(err, errs.Usage, "the address %q of an auth server cannot be used", address)
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "the auth server at %s does not answer", address)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxEnded))
	if err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "the auth server at %s does not answer", address)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errs.Wrap(problem(resp, text), errs.Unavailable, "the auth server at %s answers %s", address, resp.Status)
	}
	var answer struct{ Ended token.Ended }
	if err := json.Unmarshal(text, &answer); err != nil || answer.Ended == nil {
		return nil, errs.E(errs.Unavailable, "the answer of the auth server at %s is not understood", address)
	}
	return answer.Ended, nil
}

// Close drops idle connections.
func (e *Ended) Close() { e.http.CloseIdleConnections() }
