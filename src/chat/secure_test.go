package chat_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"chatlab/src/chat"
	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/mtls"
	"chatlab/src/testkit/mtlstest"
	"chatlab/src/wait"
	"chatlab/src/wire"
)

// newSecureServer is newServer with TLS; change may be nil.
func newSecureServer(t *testing.T, change func(*chat.Options)) (*server, mtls.Files) {
	t.Helper()
	files := mtlstest.NewAuthority(t).Files(mtls.ChatPublic, "chat")
	secure, err := mtls.Public(mtls.Pair{Cert: files.Cert, Key: files.Key})
	if err != nil {
		t.Fatal(err)
	}
	return newServer(t, func(o *chat.Options) {
		o.TLS = secure
		if change != nil {
			change(o)
		}
	}), files
}

func (s *server) dialSecure(t *testing.T, files mtls.Files) *peer {
	t.Helper()
	roots, err := mtls.Roots(files.CA)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &peer{t, conn, bufio.NewReaderSize(conn, wire.MaxServerLine+1)}
}

func TestTalkOverTLS(t *testing.T) {
	s, files := newSecureServer(t, nil)
	kim, lee := s.dialSecure(t, files), s.dialSecure(t, files)
	for name, p := range map[string]*peer{"kim": kim, "lee": lee} {
		p.send(tokenOf(t, name))
		p.want("connected.")
	}
	kim.send("hello")
	kim.want("kim : hello")
	lee.want("kim : hello")
	s.stop()
	if line := lee.line(); !strings.HasPrefix(line, "error: shutdown") {
		t.Errorf("at the server's end: %q", line)
	}
}

func TestClientWithoutTLSIsToldInItsMode(t *testing.T) {
	s, _ := newSecureServer(t, nil)
	for first, want := range map[string]string{tokenOf(t, "kim"): "error: bad_request: ", `{"token":""}`: `{"error":"bad_request"`} {
		p := s.dial(t)
		p.send(first)
		if line := p.line(); !strings.HasPrefix(line, want) || !strings.Contains(line, "tls://HOST:PORT") {
			t.Errorf("answer to %.8q: %q", first, line)
		}
		if _, err := p.in.ReadByte(); err == nil {
			t.Error("the connection stays open")
		}
	}
	if s.metric("sessions") != 0 {
		t.Error("a client without TLS has a session")
	}
}

func TestClientOfTLSIsToldThatThereIsNone(t *testing.T) {
	s := newServer(t, nil)
	began := time.Now()
	_, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // there is no certificate
	if !mtls.NoTLS(err) || time.Since(began) > patience/2 {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

func TestHandshakeIsBoundedAndHoldsNobodyUp(t *testing.T) {
	s, files := newSecureServer(t, func(o *chat.Options) { o.Limits.FirstLine = 500 * time.Millisecond })
	silent := s.dial(t)
	kim := s.dialSecure(t, files) // meanwhile
	kim.send(tokenOf(t, "kim"))
	kim.want("connected.")
	if _, err := silent.in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("a client that makes no handshake: %v", err)
	}
	silent = s.dial(t)
	s.stop() // does not wait for a handshake
	if _, err := silent.in.ReadByte(); err == nil {
		t.Error("the server has ended and still speaks")
	}
}

func TestDoorsAreInFrontOfHandshakes(t *testing.T) {
	s, files := newSecureServer(t, func(o *chat.Options) { o.Limits.PerAddress = 1 })
	kim := s.dialSecure(t, files)
	kim.send(tokenOf(t, "kim"))
	kim.want("connected.")
	_, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it gets no certificate
	if err == nil {
		t.Error("a second connection of the address is let in")
	}
	// Kim's session is counted a moment after its greeting.
	if !wait.Until(t.Context(), 10*time.Millisecond, func() bool { return s.metric("sessions") == 1 }) {
		t.Error("there is another session")
	}
}

func TestRenewedCertificateIsShown(t *testing.T) {
	s, files := newSecureServer(t, nil)
	other := mtlstest.NewAuthority(t).Files(mtls.ChatPublic, "chat")
	for from, to := range map[string]string{other.Cert: files.Cert, other.Key: files.Key} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s.dialSecure(t, other)
}

// A reader who takes nothing is cut, and delays no one.
func TestSlowReaderOverTLSIsCut(t *testing.T) {
	s, files := newSecureServer(t, nil)
	slow, kim := s.dialSecure(t, files), s.dialSecure(t, files)
	_ = slow.conn.(*tls.Conn).NetConn().(*net.TCPConn).SetReadBuffer(32 << 10)
	for name, p := range map[string]*peer{"slow": slow, "kim": kim} {
		p.send(tokenOf(t, name))
		p.want("connected.")
	}
	text := strings.Repeat("x", 4000)
	for n := 0; s.metric("slow_consumers_total") == 0 && n < 20_000; n++ {
		kim.send(text)
		kim.want("kim : " + text)
	}
	if s.metric("slow_consumers_total") != 1 {
		t.Fatal("nobody is cut")
	}
	if !wait.Until(t.Context(), 10*time.Millisecond, func() bool { return s.metric("sessions") == 1 }) {
		t.Error("the slow reader's session goes on")
	}
}

func TestClientSpeaksTLS(t *testing.T) {
	s, files := newSecureServer(t, nil)
	roots, err := mtls.Roots(files.CA)
	if err != nil {
		t.Fatal(err)
	}
	o := client.Options{Addresses: []string{"tls://" + s.addr}, Roots: roots, Token: tokenOf(t, "kim")}
	c, err := client.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := c.Send(t.Context(), "hello"); err != nil || m.Text != "hello" {
		t.Errorf("%v, %v", m, err)
	}
	_ = c.Close()
	plain := newServer(t, nil)
	strange := o
	strange.Roots = nil
	without := o
	without.Addresses = []string{s.addr}
	there := o
	there.Addresses = []string{"tls://" + plain.addr}
	for what, c := range map[string]struct {
		o    client.Options
		want string
	}{
		"another CA":          {strange, "--ca"},
		"plain to TLS":        {without, "tls://HOST:PORT"},
		"TLS to plain server": {there, "HOST:PORT"},
	} {
		_, err := client.Dial(t.Context(), c.o)
		if err == nil || !strings.Contains(err.Error()+errs.FixOf(err), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; %s", what, err, errs.FixOf(err))
		}
	}
}
