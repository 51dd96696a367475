package check

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"chatlab/src/lab/pki"
	"chatlab/src/mtls"
)

// verdictOf runs edge.chatd and tells whether it holds.
func verdictOf(t *testing.T, f *fake) bool {
	t.Helper()
	return f.run(t, "edge.chatd").Err() == nil
}

// newSecureFake is a lab whose chat server shows a certificate of a role.
func newSecureFake(t *testing.T, role mtls.Role, answer string) *fake {
	t.Helper()
	f := newFake(t)
	ca, err := pki.Open(f.dir, time.Now())
	if err == nil {
		err = ca.Issue(pki.Certificate{Name: "edge", Subject: pki.Subject{Role: role, Node: "one", Server: true, Hosts: []string{f.public}}}, time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	secure, err := mtls.Public(mtls.Pair{Cert: f.dir + "/edge.pem", Key: f.dir + "/edge.key"})
	if err != nil {
		t.Fatal(err)
	}
	f.serve(t, "chat", f.public, func(conn net.Conn) {
		if _, plain := tls.Server(conn, secure).Handshake().(tls.RecordHeaderError); plain {
			_, _ = conn.Write([]byte(answer))
		}
	})
	f.Lab.Inventory = f.inventory(t)
	return f
}

func TestEdgeFollowsTheInventory(t *testing.T) {
	const refusal = "error: bad_request: TLS only\n"
	plain := newFake(t)
	if !verdictOf(t, plain) {
		t.Error("a plain listener is no fault where the inventory wants none of TLS")
	}
	plain.Inventory.Set("chat_tls", "true")
	if verdictOf(t, plain) {
		t.Error("a plain listener passes for TLS")
	}
	secure := newSecureFake(t, mtls.ChatPublic, refusal)
	if verdictOf(t, secure) {
		t.Error("TLS passes where the inventory wants none")
	}
	secure.Inventory.Set("chat_tls", "true")
	if !verdictOf(t, secure) {
		t.Error("TLS is no fault where the inventory wants it")
	}
	for what, f := range map[string]*fake{
		"a certificate of another role":   newSecureFake(t, mtls.Logd, refusal),
		"one that serves without TLS too": newSecureFake(t, mtls.ChatPublic, "connected.\n"),
	} {
		f.Inventory.Set("chat_tls", "true")
		if verdictOf(t, f) {
			t.Errorf("%s passes", what)
		}
	}
}
