package health_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"chatlab/src/errs"
	"chatlab/src/health"
)

const page = `# HELP chatlab_auth_requests_total Requests.
# TYPE chatlab_auth_requests_total counter
chatlab_auth_requests_total{call="login",result="ok"} 5
chatlab_auth_requests_total{call="login",result="wrong_credentials"} 2
chatlab_auth_requests_total{call="signup",result="ok"} 1
chatlab_logger_backlog_bytes 1.5e+03
go_gc_duration_seconds{quantile="0"} NaN
odd{a="}"} 7 1700000000000
`

// ops serves a page of metrics and counts how often.
func ops(t *testing.T) (addr string, served *atomic.Int64) {
	t.Helper()
	served = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		served.Add(1)
		_, _ = w.Write([]byte(page))
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), served
}

func TestMetricsAreSummed(t *testing.T) {
	a, served := ops(t)
	b, _ := ops(t)
	s := health.Services{Auth: []string{a, b}, AuthOps: []string{a, b}, Chat: []string{a}, ChatOps: []string{dead(t)}, AuthLoggerOps: []string{a}, ChatLoggerOps: []string{b}}
	r := checks(t, health.Config{Services: s})
	for key, want := range map[string]string{
		`chatlab.metric[auth,chatlab_auth_requests_total]`:                                 "16",
		`chatlab.metric[auth,"chatlab_auth_requests_total{call=\"login\"}"]`:               "14",
		`chatlab.metric[auth,"chatlab_auth_requests_total{result=\"ok\",call=\"login\"}"]`: "10",
		`chatlab.metric[auth_logger,chatlab_logger_backlog_bytes]`:                         "1500",
		`chatlab.metric[auth,odd]`:                                                         "14",
		`chatlab.events.backlog`:                                                           "3000",
		`chatlab.events.backlog[auth]`:                                                     "1500",
		`chatlab.metric[auth,nope]`:                                                        `There is no metric "nope".`,
		`chatlab.metric[auth,go_gc_duration_seconds]`:                                      `There is no metric "go_gc_duration_seconds".`,
		`chatlab.metric[auth,"chatlab_auth_requests_total{call=\"log\"}"]`:                 `There is no metric "chatlab_auth_requests_total".`,
		`chatlab.metric[auth,"a{"]`:                                                        `"a{" is no name of a metric.`,
		`chatlab.metric[auth]`:                                                             "Give a daemon and the name of a metric.",
		`chatlab.metric[mail,x]`:                                                           `There is no daemon "mail": give auth, chat, logd, auth_logger or chat_logger.`,
		`chatlab.metric[logd,x]`:                                                           "No ops listener of logd is configured.",
		`chatlab.metric[chat,x]`:                                                           s.ChatOps[0] + " gives no metrics.",
		`chatlab.events.backlog[mail]`:                                                     "Give auth or chat.",
	} {
		got, err := r.Value(t.Context(), key)
		if err != nil {
			got = errs.Public(err)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if n := served.Load(); n > 4 { // one page for each check, and again where the test was slow
		t.Errorf("the page was read %d times", n)
	}
}

type db struct{ err error }

func (d db) Ping(context.Context) error { return d.err }

func TestDatabasePing(t *testing.T) {
	for key, cfg := range map[string]health.Config{
		"chatlab.mariadb.ping": {MariaDB: db{}, MongoDB: db{errors.New("away")}},
		"chatlab.mongodb.ping": {MongoDB: db{}, MariaDB: db{errors.New("away")}},
	} {
		c := checks(t, cfg)
		other := map[string]string{"chatlab.mariadb.ping": "chatlab.mongodb.ping", "chatlab.mongodb.ping": "chatlab.mariadb.ping"}[key]
		for key, want := range map[string]string{key: "1", other: "0"} {
			if v, err := c.Value(t.Context(), key); v != want || err != nil {
				t.Errorf("%s: %q, %v; want %s", key, v, err, want)
			}
		}
	}
	if _, err := checks(t, health.Config{}).Value(t.Context(), "chatlab.mariadb.ping"); err == nil || errs.Public(err) != "No mariadb is configured." {
		t.Errorf("%v", err)
	}
}

func TestDaysOfCertificates(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler()) // its certificate ends in 2084
	t.Cleanup(s.Close)
	addr := s.Listener.Addr().String()
	dir := t.TempDir()
	ends := filepath.Join(dir, "ends.pem")
	writeCert(t, ends, 10)
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	days := func(c *health.Checks, key string) float64 {
		text, err := c.Value(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		v, _ := strconv.ParseFloat(text, 64)
		return v
	}
	c := checks(t, health.Config{Certs: []string{ends, empty}, Services: health.Services{Logd: []string{addr}}})
	if v := days(c, daysOf(ends)); v < 9.9 || v > 10 {
		t.Errorf("the file: %g", v)
	}
	if v := days(c, daysOf(addr)); v < 365 {
		t.Errorf("the server: %g", v)
	}
	if v := days(checks(t, health.Config{Certs: []string{ends}, Services: health.Services{Logd: []string{addr}}}), "chatlab.cert.days"); v < 9.9 || v > 10 {
		t.Errorf("the first of all: %g", v)
	}
	gone := filepath.Join(dir, "no.pem")
	for want, ask := range map[string]struct {
		certs []string
		key   string
	}{
		empty + " has no certificate.":                           {[]string{empty}, daysOf(empty)},
		`"/etc/passwd" is neither a configured file nor a logd.`: {[]string{empty}, daysOf("/etc/passwd")},
		"No certificate is configured.":                          {nil, "chatlab.cert.days"},
		gone + " cannot be read.":                                {[]string{gone}, "chatlab.cert.days"},
	} {
		if v, err := checks(t, health.Config{Certs: ask.certs}).Value(t.Context(), ask.key); err == nil || errs.Public(err) != want {
			t.Errorf("%q, %v; want %q", v, err, want)
		}
	}
}

func daysOf(place string) string { return `chatlab.cert.days["` + place + `"]` }

func TestDiscoveryOfOneService(t *testing.T) {
	c := checks(t, health.Config{Node: "log", Services: health.Services{Auth: []string{"192.0.2.1:1"}, Chat: []string{"192.0.2.2:2"}}})
	want := `[{"{#ADDRESS}":"192.0.2.2","{#MEMBER}":"192.0.2.2:2","{#NODE}":"log","{#OPS}":"","{#PORT}":"2","{#SERVICE}":"chat"}]`
	if got, err := c.Value(t.Context(), "chatlab.discovery[chat]"); got != want || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := c.Value(t.Context(), "chatlab.discovery[mail]"); !errs.Is(err, errs.BadRequest) {
		t.Errorf("mail: %v", err)
	}
}
