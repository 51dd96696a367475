package view_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/view"
)

// nowhere is a lab that cannot be described.
func nowhere(t *testing.T) view.Source {
	return view.Source{
		Name: "a lab <b>", State: t.TempDir(),
		Open:   func() (*lab.Lab, error) { return nil, errors.New("its inventory is gone <b>") },
		Events: func(context.Context, *lab.Lab, int) ([]view.Event, error) { return nil, errors.New("no log") },
		Drill:  func() string { return "" },
	}
}

// serve starts a server and returns its address, and the path that it last named for a
// browser.
func serve(t *testing.T, s func(opened func(string)) *view.Server) (base string, path *atomic.Value) {
	t.Helper()
	path = &atomic.Value{}
	server := s(func(next string) { path.Store(next) })
	path.Store(server.Open())
	ln, err := view.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String(), path
}

func get(t *testing.T, c *http.Client, method, url, host string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		req.Host = host
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

func friend(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

func TestStrangersGetNothing(t *testing.T) {
	base, path := serve(t, func(opened func(string)) *view.Server { return view.New("a lab", nowhere(t), opened) })
	first := path.Load().(string)
	inside := friend(t)
	res, page := get(t, inside, "GET", base+first, "")
	if res.StatusCode != http.StatusOK || !strings.Contains(page, "its inventory is gone &lt;b&gt;") {
		t.Fatalf("the token: %d\n%s", res.StatusCode, page)
	}
	root := res.Request.URL.Path
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	set := cookieOf(t, base, path.Load().(string))
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=" + root} {
		if !strings.Contains(set, want) {
			t.Errorf("cookie %q has no %s", set, want)
		}
	}
	for name, tt := range map[string]struct {
		client       *http.Client
		method, path string
		host         string
		want         int
	}{
		"no cookie":          {&http.Client{}, "GET", root, "", http.StatusForbidden},
		"no cookie, stream":  {&http.Client{}, "GET", root + "stream", "", http.StatusForbidden},
		"no cookie, script":  {&http.Client{}, "GET", root + "view.js", "", http.StatusForbidden},
		"a used token":       {friend(t), "GET", first, "", http.StatusForbidden},
		"no token":           {friend(t), "GET", "/open", "", http.StatusForbidden},
		"a wrong token":      {friend(t), "GET", "/open?token=" + strings.Repeat("0", 64), "", http.StatusForbidden},
		"HEAD keeps a token": {friend(t), "HEAD", path.Load().(string), "", http.StatusForbidden},
		"foreign host":       {inside, "GET", root, "attacker.example", http.StatusMisdirectedRequest},
		"foreign host, port": {inside, "GET", root, "attacker.example:7575", http.StatusMisdirectedRequest},
		"foreign address":    {inside, "GET", root, "192.168.75.11", http.StatusMisdirectedRequest},
		"a write":            {inside, "POST", root, "", http.StatusMethodNotAllowed},
		"another path":       {inside, "GET", "/", "", http.StatusForbidden},
		"nothing there":      {inside, "GET", root + "secrets", "", http.StatusNotFound},
		"this machine":       {inside, "GET", root, "127.0.0.1:1234", http.StatusOK},
		"the script":         {inside, "GET", root + "view.js", "", http.StatusOK},
		"the style":          {inside, "GET", root + "view.css", "", http.StatusOK},
	} {
		res, text := get(t, tt.client, tt.method, base+tt.path, tt.host)
		if res.StatusCode != tt.want {
			t.Errorf("%s: %d, want %d", name, res.StatusCode, tt.want)
		}
		if tt.want != http.StatusOK && strings.Contains(text, "inventory") {
			t.Errorf("%s: sees the lab: %s", name, text)
		}
	}
}

// cookieOf returns the cookie that a path with a token sets.
func cookieOf(t *testing.T, base, path string) string {
	t.Helper()
	once := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, _ := get(t, once, "GET", base+path, "")
	return res.Header.Get("Set-Cookie")
}

func TestAStreamSaysWhatHasChanged(t *testing.T) {
	base, path := serve(t, func(opened func(string)) *view.Server { return view.New("a lab", nowhere(t), opened) })
	inside := friend(t)
	res, _ := get(t, inside, "GET", base+path.Load().(string), "")
	stream, err := inside.Get(base + res.Request.URL.Path + "stream")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	r := bufio.NewScanner(stream.Body)
	r.Buffer(nil, 1<<20)
	seen := 0
	for r.Scan() && seen < 3 {
		if text, ok := strings.CutPrefix(r.Text(), "data: "); ok {
			if seen++; seen == 1 && !strings.Contains(text, `"summary"`) {
				t.Errorf("the first event is not whole: %s", text)
			}
		}
	}
	if seen < 3 {
		t.Errorf("the stream ended after %d events: %v", seen, r.Err())
	}
}

// A list shows labs come and go.
func TestAListFollowsTheLabs(t *testing.T) {
	var server *view.Server
	base, path := serve(t, func(opened func(string)) *view.Server {
		server = view.NewList("all", opened)
		return server
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	src := nowhere(t)
	ended := make(chan struct{})
	server.Show(ctx, []view.Source{src}, func(run func()) {
		go func() {
			defer close(ended)
			run()
		}()
	})
	inside := friend(t)
	res, page := get(t, inside, "GET", base+path.Load().(string), "")
	root := res.Request.URL.Path
	_, link, _ := strings.Cut(page, `<a href="`+root+"lab/")
	key, _, _ := strings.Cut(link, `"`)
	if !strings.Contains(page, "a lab &lt;b&gt;") || key == "" {
		t.Fatalf("the list:\n%s", page)
	}
	if res, page := get(t, inside, "GET", base+root+"lab/"+key, ""); res.StatusCode != http.StatusOK || !strings.Contains(page, `href="`+root+`"`) {
		t.Errorf("its page: %d\n%s", res.StatusCode, page)
	}
	server.Show(ctx, nil, nil)
	<-ended
	if res, _ := get(t, inside, "GET", base+root+"lab/"+key, ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("a lab that went: %d", res.StatusCode)
	}
	if _, page := get(t, inside, "GET", base+root, ""); !strings.Contains(page, "No lab runs on this machine.") {
		t.Errorf("the empty list:\n%s", page)
	}
}

func TestAPortThatIsTakenIsPassedOver(t *testing.T) {
	first, err := view.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	taken := port(t, first.Addr().String())
	second, err := view.Listen(taken)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if got := port(t, second.Addr().String()); got <= taken {
		t.Errorf("port %d after %d", got, taken)
	}
	for _, bad := range []int{-1, 70000} {
		if _, err := view.Listen(bad); !errs.Is(err, errs.Usage) || errs.FixOf(err) == "" {
			t.Errorf("port %d: %v", bad, err)
		}
	}
}

func port(t *testing.T, addr string) int {
	t.Helper()
	a, err := netip.ParseAddrPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return int(a.Port())
}
