package check

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/mongodb"
	"chatlab/src/mtls"
)

// relayChecks proves the relay of events: TCP with mutual TLS (design, section
// 6; src/event/doc.go).
func relayChecks() []Check {
	return []Check{
		{Name: "events.relay.mtls", Text: "the relay takes no event without a client certificate", Run: relayAnonymous},
		{Name: "events.relay.stranger", Text: "the relay takes no event with a certificate of another CA", Run: relayStranger},
		{Name: "events.relay.plain", Text: "the relay takes no event without TLS", Run: relayPlain},
		{Name: "events.relay.repeat", Text: "an event that is relayed twice is stored once", Needs: []Need{hasCertificate, hasLog}, Timeout: DefaultTimeout + 2*eventLook, Run: relayRepeat},
		{Name: "events.relay.bad", Text: "a line that is no event is refused with bad_event", Needs: []Need{hasCertificate}, Run: relayBad},
		{Name: "events.v0", Text: "the specification's 0/… line is taken and stored", Needs: []Need{hasCertificate, hasLog}, Timeout: DefaultTimeout + 2*eventLook, Run: relayV0},
	}
}

// relay is a connection to a log server.
type relay struct {
	net.Conn
	lines *bufio.Reader
}

// dialRelay connects to the first log server; config nil means without TLS. The
// handshake is done, but in TLS 1.3 a server refuses a client's certificate
// only after it: the first read tells.
func (j *Journey) dialRelay(ctx context.Context, config *tls.Config) (*relay, error) {
	at, err := j.first(partLogd)
	if err != nil {
		return nil, err
	}
	raw, err := j.lab.Target.Dial(ctx, "tcp", at.addr)
	if err != nil {
		return nil, failf("logd answering on "+at.addr, "%v", err)
	}
	until, ok := ctx.Deadline()
	if !ok {
		until = time.Now().Add(maxSession)
	}
	if err := raw.SetDeadline(until); err != nil {
		raw.Close()
		return nil, err
	}
	if config == nil {
		return &relay{raw, bufio.NewReader(raw)}, nil
	}
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(at.addr)
	}
	conn := tls.Client(raw, config)
	return &relay{conn, bufio.NewReader(conn)}, nil
}

// operatorTLS shows the operator's certificate to a server of a role.
func (j *Journey) operatorTLS(server mtls.Role) (*tls.Config, error) {
	f, err := lab.OperatorFiles(j.lab.Target)
	if err != nil {
		return nil, err
	}
	return mtls.Client(f, server)
}

// certified connects with the operator's certificate and reads the greeting.
func (j *Journey) certified(ctx context.Context) (*relay, error) {
	config, err := j.operatorTLS(mtls.Logd)
	if err != nil {
		return nil, err
	}
	r, err := j.dialRelay(ctx, config)
	if err != nil {
		return nil, err
	}
	line, err := r.line()
	if err == nil && line != "ack 0" {
		err = failf("the greeting ack 0", "%q", line)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (r *relay) line() (string, error) {
	line, err := r.lines.ReadString('\n')
	if err != nil {
		return line, fmt.Errorf("the log server: %w", err)
	}
	return strings.TrimSuffix(line, "\n"), nil
}

// acked sends a line and waits until the log server says that it is stored.
func (r *relay) acked(event string) error {
	if _, err := io.WriteString(r, event+"\n"); err != nil {
		return err
	}
	for {
		line, err := r.line()
		if err != nil {
			return err
		}
		switch line {
		case "ack 0": // its heartbeat
		case "ack 1":
			return nil
		default:
			return failf("ack 1", "%q", line)
		}
	}
}

// turnedAway states that a log server answers a line with no acknowledgement.
func (e *Env) turnedAway(ctx context.Context, config *tls.Config) error {
	limit, cancel := context.WithTimeout(ctx, e.patience)
	defer cancel()
	r, err := e.dialRelay(limit, config)
	if err != nil {
		return err
	}
	defer r.Close()
	_, _ = io.WriteString(r, ownEvent(e.name("stranger"), "none")+"\n") // may fail already
	answer, err := r.line()
	e.True(err != nil && !strings.HasPrefix(answer, "ack"), "the connection refused", "%q", answer)
	var silence net.Error
	if errors.As(err, &silence) && silence.Timeout() {
		e.True(false, "the connection refused", "it stays open and silent")
	}
	return nil
}

func relayAnonymous(ctx context.Context, e *Env) error {
	return e.turnedAway(ctx, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}) //nolint:gosec // who it is does not matter: it must refuse us
}

func relayPlain(ctx context.Context, e *Env) error { return e.turnedAway(ctx, nil) }

func relayStranger(ctx context.Context, e *Env) error {
	cert, err := selfSigned()
	if err != nil {
		return err
	}
	return e.turnedAway(ctx, &tls.Config{ //nolint:gosec // as above
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS12,
		// Shown even if the server asks for others: Certificates would not be.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil },
	})
}

// selfSigned makes a certificate that no CA of the lab signed.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "logger"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// ownEvent writes a line of the form 1/ by hand.
func ownEvent(subject, data string) string {
	var id [12]byte
	_, _ = rand.Read(id[4:])                                      // crypto/rand.Read never fails
	binary.BigEndian.PutUint32(id[:4], uint32(time.Now().Unix())) //nolint:gosec // an ObjectID has 32 bits of time
	return "1/" + hex.EncodeToString(id[:]) + "/lab/check/" + subject + "/" + data
}

func relayRepeat(ctx context.Context, e *Env) error {
	subject := e.name("repeated")
	line := ownEvent(subject, "twice")
	for range 2 { // two connections, as after a logger's restart
		r, err := e.certified(ctx)
		if err != nil {
			return err
		}
		err = r.acked(line)
		r.Close()
		if err != nil {
			return err
		}
	}
	_, err := e.one(ctx, fact{"lab", "check", subject, "twice"})
	return err
}

func relayBad(ctx context.Context, e *Env) error {
	r, err := e.certified(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.WriteString(r, "2/no/event\n"); err != nil {
		return err
	}
	line := "ack 0"
	for line == "ack 0" { // its heartbeat
		if line, err = r.line(); err != nil {
			return err
		}
	}
	want := fmt.Sprintf("error %s 1 ", errs.BadEvent)
	e.True(strings.HasPrefix(line, want), want+"…", "%q", line)
	return nil
}

func relayV0(ctx context.Context, e *Env) error {
	r, err := e.certified(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	subject := e.name("v0")
	if err := r.acked("0/lab/check/" + subject + "/said/with/slashes"); err != nil {
		return err
	}
	rec, err := e.one(ctx, fact{"lab", "check", subject, "said/with/slashes"})
	if err == nil {
		e.form(rec)
	}
	return err
}

// one states that a fact, which was acknowledged, is in the log once, and
// returns its record.
func (e *Env) one(ctx context.Context, f fact) (mongodb.Record, error) {
	got, err := e.records(ctx)
	if err != nil {
		return mongodb.Record{}, err
	}
	l := journal{records: got}
	if n := l.count(f); n != 1 {
		return mongodb.Record{}, failf(fmt.Sprintf("one event %s, which was acknowledged", f), "%d", n)
	}
	e.True(true, "one event", "one")
	return got[slices.IndexFunc(got, func(r mongodb.Record) bool { return factOf(r) == f })], nil
}
