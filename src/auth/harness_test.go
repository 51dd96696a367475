//go:build !fuzz

package auth_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/sqlite"
	"chatlab/src/testkit"
	"chatlab/src/token"
)

const password = "correct horse"

// cheap keeps the tests fast; no test depends on the cost.
var cheap = auth.Params{MemoryKiB: 64, Passes: 1, Lanes: 1}

// fakeEvents takes events while err is nil.
type fakeEvents struct {
	mu  sync.Mutex
	got []string // category/id/data
	err error
}

func (f *fakeEvents) Emit(ctx context.Context, evs ...event.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, e := range evs {
		if e.Server != "auth" || e.ID.IsZero() || f.err != nil {
			return errs.E(errs.Unavailable, "event %v refused", e)
		}
		f.got = append(f.got, e.Category+"/"+e.Subject+"/"+e.Data)
	}
	return nil
}

func (f *fakeEvents) Ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// take returns the events since the last call.
func (f *fakeEvents) take() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := strings.Join(f.got, " ")
	f.got = nil
	return got
}

func (f *fakeEvents) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// api is a server with its parts, and a clock that stands still.
type api struct {
	*httptest.Server
	svc    *auth.Service
	store  *sqlite.Store
	events *fakeEvents
	ring   *token.Ring
	key    []byte
	reg    *prometheus.Registry
	log    testkit.Buffer

	mu  sync.Mutex
	now time.Time
}

func (a *api) clock() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

func (a *api) pass(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = a.now.Add(d)
}

func newAPI(t *testing.T, change ...func(*auth.Config)) *api {
	t.Helper()
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "users.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	a := &api{store: store, events: &fakeEvents{}, key: []byte(strings.Repeat("k", 32)), reg: prometheus.NewRegistry(),
		now: time.Now().Truncate(time.Second)}
	a.ring = token.NewRing(a.key)
	cfg := auth.Config{Password: auth.Password{MinLength: 8, RefuseCommon: true}, Limits: auth.DefaultLimits(), Params: cheap, Now: a.clock}
	cfg.Limits.RequestsPerSecond, cfg.Limits.SignInsPerSecond, cfg.Limits.FailuresPerMinute = 0, 0, 0
	for _, c := range change {
		c(&cfg)
	}
	a.svc, err = auth.New(auth.Deps{
		Store: store, Ring: a.ring, Events: a.events, Log: slog.New(slog.NewTextHandler(&a.log, nil)), Registry: a.reg,
	}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	a.Server = httptest.NewServer(a.svc.Handler())
	t.Cleanup(a.Close)
	return a
}

// answer is a response that was read.
type answer struct {
	status int
	header http.Header
	body   string
}

// code returns the problem's code, after checking that it is a whole problem;
// "" for a success.
func (r answer) code(t *testing.T) errs.Code {
	t.Helper()
	if r.status == http.StatusOK {
		return ""
	}
	var p struct {
		Type, Title, Detail string
		Code                errs.Code
		Status              int
	}
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatalf("%d %q: %v", r.status, r.body, err)
	}
	if p.Status != r.status || p.Title != http.StatusText(r.status) || p.Type != "about:blank" || p.Detail == "" ||
		r.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("not a whole problem: %d %v %s", r.status, r.header, r.body)
	}
	retry := r.header.Get("Retry-After")
	if wants := r.status == 429 || r.status == 503; wants != (retry != "") || retry == "0" {
		t.Errorf("%d has Retry-After %q", r.status, retry)
	}
	return p.Code
}

func (a *api) do(t *testing.T, r *http.Request) answer {
	t.Helper()
	res, err := a.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

func (a *api) request(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, a.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func (a *api) post(t *testing.T, path, body string) answer {
	t.Helper()
	return a.do(t, a.request(t, http.MethodPost, path, body))
}

func (a *api) get(t *testing.T, path string) answer {
	t.Helper()
	return a.do(t, a.request(t, http.MethodGet, path, ""))
}

// with makes a request with a token, and with JSON unless body is "".
func (a *api) with(t *testing.T, method, path, bearer, body string) *http.Request {
	t.Helper()
	r := a.request(t, method, path, body)
	r.Header.Set("Authorization", "Bearer "+bearer)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func (a *api) refresh(t *testing.T, bearer string) answer {
	t.Helper()
	return a.do(t, a.with(t, http.MethodPost, "/auth/refresh", bearer, ""))
}

func (a *api) logout(t *testing.T, bearer string) answer {
	t.Helper()
	return a.do(t, a.with(t, http.MethodPost, "/auth/logout", bearer, ""))
}

func (a *api) passwd(t *testing.T, bearer, old, fresh string) answer {
	t.Helper()
	return a.do(t, a.with(t, http.MethodPost, "/auth/passwd", bearer, object("passwd", old, "new", fresh)))
}

func (a *api) unregister(t *testing.T, bearer, passwd string) answer {
	t.Helper()
	return a.do(t, a.with(t, http.MethodDelete, "/auth/user", bearer, object("passwd", passwd)))
}

func object(field ...string) string {
	m := map[string]string{}
	for i := 0; i < len(field); i += 2 {
		m[field[i]] = field[i+1]
	}
	text, _ := json.Marshal(m)
	return string(text)
}

func (a *api) signUp(t *testing.T, id string) {
	t.Helper()
	r := a.post(t, "/auth/signup", object("id", id, "passwd", password, "email", id+"@example.org"))
	if r.status != http.StatusOK {
		t.Fatalf("sign-up of %s: %d %s", id, r.status, r.body)
	}
	a.events.take()
}

func (a *api) login(t *testing.T, id, passwd string) answer {
	t.Helper()
	return a.post(t, "/auth/login", object("id", id, "passwd", passwd))
}

// token signs in and returns the token.
func (a *api) token(t *testing.T, id string) string {
	t.Helper()
	r := a.login(t, id, password)
	var got struct{ Token string }
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.status != http.StatusOK {
		t.Fatalf("sign-in of %s: %d %s", id, r.status, r.body)
	}
	return got.Token
}
