package logd_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"chatlab/src/testkit/logdtest"
)

// healthd opens the port and leaves, every few seconds: that must not look like
// strangers who try to get in.
func TestALookAtThePortIsNoStranger(t *testing.T) {
	s := serve(t, logdtest.NewMemory(), time.Second)
	dial := func() *net.TCPConn {
		raw, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = raw.Close() })
		_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
		return raw.(*net.TCPConn)
	}
	look := dial()
	_ = look.CloseWrite()
	if _, err := io.ReadAll(look); err != nil {
		t.Fatal(err)
	}
	if got := s.metric(t, "refused_connections_total"); got != 0 {
		t.Errorf("a look counts as %g refused connections", got)
	}
	stranger := tls.Client(dial(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // whoever it is
	_, _ = stranger.Write([]byte("x"))
	if got, err := io.ReadAll(stranger); err == nil {
		t.Fatalf("a stranger was answered %q", got)
	}
	if got := s.metric(t, "refused_connections_total"); got != 1 {
		t.Errorf("a stranger counts as %g refused connections", got)
	}
}
