//go:build !fuzz

package auth_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"chatlab/src/app"
)

// TestSlowRequestsAreEnded runs the handler in the daemons' own HTTP server,
// whose limits are ten seconds, with shorter ones.
func TestSlowRequestsAreEnded(t *testing.T) {
	const limit = 200 * time.Millisecond
	a := newAPI(t)
	a.signUp(t, "kim")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		served <- app.ServeHTTP(ctx, ln, &http.Server{Handler: a.svc.Handler(), ReadHeaderTimeout: limit, ReadTimeout: limit})
	}()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	a.URL = "http://" + ln.Addr().String()

	for name, sent := range map[string]string{
		"silence": "", "half a request line": "POST /auth/lo", "half a header": "POST /auth/login HTTP/1.1\r\nHost: x\r\nConte",
	} {
		if got := exchange(t, ln.Addr().String(), sent); strings.Contains(got, " 200 ") {
			t.Errorf("%s: answered %q", name, got)
		}
	}
	head := "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	for name, sent := range map[string]string{
		"no body":        head + "Content-Length: 40\r\n\r\n",
		"half a body":    head + "Content-Length: 40\r\n\r\n{\"id\":\"kim\",",
		"half a chunk":   head + "Transfer-Encoding: chunked\r\n\r\n20\r\n{\"id\"",
		"no last chunk":  head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n",
		"expect and not": head + "Content-Length: 40\r\nExpect: 100-continue\r\n\r\n",
	} {
		got := exchange(t, ln.Addr().String(), sent)
		if !strings.Contains(got, "HTTP/1.1 408 ") || !strings.Contains(got, `"code":"timeout"`) || !strings.Contains(got, "Connection: close") {
			t.Errorf("%s: %q", name, got)
		}
	}
	a.token(t, "kim") // and the next user is served
}

// exchange sends bytes, and returns all that comes until the server closes.
func exchange(t *testing.T, addr, sent string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, sent); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(bufio.NewReader(conn))
	if err != nil {
		t.Errorf("the server did not close: %v", err)
	}
	return string(got)
}
