package main

import (
	"log"
	"log/slog"
	"strings"
	"testing"

	"chatlab/src/mtls"
	"chatlab/src/testkit"
)

func TestARefusedChatServerIsLoggedOnceAMinute(t *testing.T) {
	var out testkit.Buffer
	to := slog.New(slog.NewTextHandler(&out, nil))
	l := log.New(&refusalLog{to: mtls.NewRefusals(to), others: slog.NewLogLogger(to.Handler(), slog.LevelWarn)}, "", 0)
	for _, port := range []string{"41", "42", "43"} {
		l.Print("http: TLS handshake error from 10.0.0.7:" + port + ": tls: client didn't provide a certificate")
	}
	l.Print("http: TLS handshake error from 10.0.0.8:41: tls: client didn't provide a certificate")
	l.Print("http: superfluous response.WriteHeader call")
	if n := strings.Count(out.String(), "connection refused"); n != 2 {
		t.Errorf("%d refusals of two peers are logged, want 2:\n%s", n, out.String())
	}
	if !strings.Contains(out.String(), "superfluous") {
		t.Errorf("another line of the server is lost:\n%s", out.String())
	}
}
