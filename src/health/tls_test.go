package health_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatlab/src/health"
)

func TestAuthServerWithTLSIsUpOnlyByItsCA(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"message":"alive"}`)
	}))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	auth := []string{strings.TrimPrefix(server.URL, "https://")}
	for want, s := range map[string][]health.Services{
		"1": {{Auth: auth, AuthTLS: true, CA: ca}},
		"0": {{Auth: auth, AuthTLS: true}, {Auth: auth}}, // the system's CAs; no TLS
	} {
		for _, s := range s {
			if got, err := checks(t, health.Config{Services: s}).Value(t.Context(), "chatlab.up[auth]"); err != nil || got != want {
				t.Errorf("%+v: %q, %v; want %s", s, got, err, want)
			}
		}
	}
	if _, err := health.New(health.Config{Services: health.Services{Auth: auth, AuthTLS: true, CA: ca + ".gone"}}); err == nil {
		t.Error("a CA that is not there is taken")
	}
}
