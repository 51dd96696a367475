package drill

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
	"chatlab/src/wait"
	"chatlab/src/wire"
)

const (
	probeEvery = 20 * time.Millisecond
	probeTry   = 2 * time.Second // for one step of one attempt
)

// probe is a user whom every part must serve: it asks each daemon whether it
// is ready, signs in, and says a line that must come back.
type probe struct {
	user  string
	login func(context.Context) (string, error)
	ready []string // ops addresses
	ops   *http.Client
	chats []string // as client.Options takes them
	roots *x509.CertPool
	log   *ledger
}

// newProbe signs its user up and makes sure that the lab serves it now.
func newProbe(ctx context.Context, r *run) (*probe, error) {
	auth, err := r.newAuth(r.lab.Inventory.Servers(inventory.Authd)...)
	if err != nil {
		return nil, err
	}
	p := &probe{ops: r.ops, log: r.ledger, user: r.id + "-probe", chats: r.lab.Inventory.Servers(inventory.Chatd), roots: r.roots}
	for _, s := range []string{inventory.Logd, inventory.Authd, inventory.Chatd, inventory.Healthd} {
		p.ready = append(p.ready, r.lab.Inventory.OpsAddresses(s)...)
	}
	if err := r.enrol(ctx, auth, p.user); err != nil {
		return nil, err
	}
	r.ledger.speaker(p.user, p.user, p.user)
	p.login = r.entering(auth, p.user)
	return p, p.served(ctx)
}

// untilServed returns how long it takes until the user is served, and where
// that time went. Fails with code failed after the context's end, with the
// last reason.
func (p *probe) untilServed(ctx context.Context) (time.Duration, waits, error) {
	began, w := time.Now(), newWaits()
	var err error
	served := wait.Until(ctx, probeEvery, func() bool {
		now := p.attempt(ctx, w)
		if ctx.Err() == nil || now == nil || err == nil { // not that of an attempt that ctx cut short
			err = now
		}
		return now == nil
	})
	if !served {
		// The cause is text only: a deadline of its own is not the end of the drill's time.
		return 0, w, errs.E(errs.Failed, "no user is served after the heal: %v", err)
	}
	return time.Since(began), w, nil
}

// served makes one attempt; it fails with what did not work.
func (p *probe) served(ctx context.Context) error { return p.attempt(ctx, newWaits()) }

func (p *probe) attempt(ctx context.Context, w waits) error {
	for _, addr := range p.ready {
		if err := w.step(addr+" ready", func() error { return getReady(ctx, p.ops, addr) }); err != nil {
			return err
		}
	}
	var token string
	err := w.step("sign-in", func() (err error) {
		token, err = p.signIn(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for _, addr := range p.chats {
		if err := w.step("chat at "+addr, func() error { return p.roundTrip(ctx, addr, token) }); err != nil {
			return err
		}
	}
	return nil
}

func (p *probe) signIn(ctx context.Context) (token string, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTry)
	defer cancel()
	return p.login(ctx)
}

func getReady(ctx context.Context, client *http.Client, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTry)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusOK {
		return nil
	}
	why, _ := io.ReadAll(io.LimitReader(res.Body, 400))
	return fmt.Errorf("%s is not ready: %s", addr, strings.TrimSpace(string(why)))
}

// roundTrip says one line in plain mode and waits until it comes back.
func (p *probe) roundTrip(ctx context.Context, addr, token string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTry)
	defer cancel()
	conn, err := client.Connect(ctx, new(net.Dialer).DialContext, p.roots, addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	n, said := p.log.says(p.user, " is served")
	if err := p.say(conn, token, said); err != nil {
		p.log.receipt(p.user, n, wire.Message{}, errs.Wrap(err, errs.Unavailable, "chat at %s", addr))
		return fmt.Errorf("chat at %s: %w", addr, err)
	}
	p.log.receipt(p.user, n, wire.Message{}, nil)
	return nil
}

// say says one line in the probe's room and waits for its echo.
func (p *probe) say(conn net.Conn, token, said string) error {
	if _, err := fmt.Fprintf(conn, "%s\n/join %s\n%s\n", token, p.user, said); err != nil {
		return err
	}
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		switch text := lines.Text(); {
		case text == p.user+" : "+said:
			return nil
		case strings.HasPrefix(text, "error: "):
			return errors.New(text)
		}
	}
	return errors.New("the line did not come back")
}
