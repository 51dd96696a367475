package natslog

import (
	"log/slog"
	"strings"
	"testing"

	"chatlab/src/mtls"
	"chatlab/src/testkit"
)

func TestARefusedPeerIsLoggedOnceAMinute(t *testing.T) {
	var out testkit.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	s := &serverLog{to: log, refused: mtls.NewRefusals(log), broken: func(error) {}}
	const format = "%s - rid:%d - TLS route handshake error: %s"
	for rid := range 10 {
		s.Errorf(format, "10.0.0.7:4"+strings.Repeat("1", 1+rid%3), rid, "the certificate is not of a chat server")
	}
	s.Errorf(format, "10.0.0.8:41", 11, "the certificate is not of a chat server")
	s.Errorf("something else")
	s.Errorf("something else")
	if n := strings.Count(out.String(), "10.0.0.7"); n != 1 {
		t.Errorf("the refusal of one peer is logged %d times", n)
	}
	if n := strings.Count(out.String(), "\n"); n != 4 {
		t.Errorf("%d messages, want 4:\n%s", n, out.String())
	}
}
