package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"

	"chatlab/src/errs"
)

// front stands before Grafana on the loopback address and signs in for the
// browser, so that the password is on no command line and in no page.
type front struct {
	base   string
	server *http.Server
}

// signIn starts a front. Fails with code unavailable when Grafana does not
// answer, with code failed when it does not let in.
func signIn(ctx context.Context, grafana, user, passwordFile string) (*front, error) {
	target, err := url.Parse(strings.TrimRight(grafana, "/"))
	if err != nil || target.Host == "" {
		return nil, errs.E(errs.Usage, "%q is no address", grafana).WithFix("--grafana http://ADDRESS:3000")
	}
	text, err := os.ReadFile(passwordFile)
	if err != nil {
		return nil, errs.E(errs.Usage, "Grafana's password: %w", err).WithFix("`lab status` prints where it is")
	}
	password := strings.TrimSpace(string(text))
	if err := letsIn(ctx, target, user, password); err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errs.E(errs.Failed, "pictures: %w", err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.SetBasicAuth(user, password)
			r.Out.Header.Del("Origin") // it names the front
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }, // the page says what it lacks
	}
	f := &front{"http://" + ln.Addr().String(), &http.Server{Handler: proxy, ReadHeaderTimeout: 10 * time.Second}}
	go func() { _ = f.server.Serve(ln) }()
	return f, nil
}

func letsIn(ctx context.Context, target *url.URL, user, password string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String()+"/api/org", http.NoBody)
	if err != nil {
		return errs.E(errs.Usage, "%s: %w", target, err)
	}
	req.SetBasicAuth(user, password)
	res, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "Grafana").WithFix("is it up at %s?", target)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errs.E(errs.Failed, "Grafana at %s does not let %s in: %s", target, user, res.Status).WithFix("name the file of its password")
	}
	return nil
}

// Close stops the front.
func (f *front) Close() { _ = f.server.Close() }
