package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"chatlab/src/lab/view"
)

// A stranger gets nothing, and a token lets one browser in.
func TestThePageIsForWhoHasTheToken(t *testing.T) {
	r := newRig(t)
	r.must("up", "--no-check", "--inventory", r.inv)
	v := r.view()
	open := v.url(t)
	base, _, _ := strings.Cut(open, "/open")
	ask := func(client *http.Client, method, url, host string) (status int) {
		req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			req.Host = host
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	friend, stranger := &http.Client{Jar: jar}, &http.Client{}
	if got := ask(stranger, "GET", base+"/", ""); got != http.StatusForbidden {
		t.Errorf("a stranger gets %d", got)
	}
	if got := ask(friend, "GET", open, "attacker.example:80"); got != http.StatusMisdirectedRequest {
		t.Errorf("a foreign Host header gets %d", got)
	}
	if got := ask(friend, "GET", open, ""); got != http.StatusOK {
		t.Fatalf("the token gets %d", got)
	}
	if got := ask(stranger, "GET", open, ""); got != http.StatusForbidden {
		t.Errorf("a token that was used gets %d", got)
	}
	if got := ask(stranger, "GET", v.url(t), ""); got == http.StatusOK {
		t.Error("without a cookie the page is shown") // the client drops it
	}
}

// A port that is taken is no reason to stop.
func TestAnotherPortIsTaken(t *testing.T) {
	ln, err := view.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var port int
	if _, err := fmt.Sscanf(ln.Addr().String(), "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(programs(t), "lab"), "view", "--all", "--port", fmt.Sprint(port))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	said := &strings.Builder{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var first string
	if _, err := fmt.Fscanf(out, "open in a browser: %s\n", &first); err != nil {
		t.Error(err)
	}
	cancel()
	_ = cmd.Wait()
	if strings.Contains(first, fmt.Sprintf(":%d/", port)) || !strings.Contains(said.String(), fmt.Sprintf("port %d is taken: the page is at port ", port)) {
		t.Errorf("%q %q", first, said)
	}
}
