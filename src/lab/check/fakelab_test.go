package check

import (
	"context"
	"encoding/base64"
	"fmt"
	"iter"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/pki"
	"chatlab/src/mongodb"
	"chatlab/src/mtls"
	"chatlab/src/token"
)

// fake is a small lab of one node that does all that the checks ask for, but
// for the faults that a test switches on. Its servers are written for these
// tests alone: the real ones are proved by `lab check` against a real lab.
type fake struct {
	*lab.Lab
	lab.Target // what is not overridden below is not called
	faults     map[string]bool
	dir        string
	public     string
	inner      string
	key        []byte
	ring       *token.Ring
	ports      map[string]int
	asked      atomic.Int32

	mu      sync.Mutex
	users   map[string]string // lower-case id → id
	records []mongodb.Record
	chat    *fakeChat
}

// loopbacks gives each fake two addresses of its own: ports are the kernel's,
// and on a shared address another test could listen on a port that is to be
// silent.
var loopbacks atomic.Uint32

func ownAddresses() (public, private string) {
	n := loopbacks.Add(2)
	return fmt.Sprintf("127.%d.%d.1", 64+n>>8, n&255), fmt.Sprintf("127.%d.%d.1", 64+n>>8, n&255+1)
}

func newFake(t *testing.T, faults ...string) *fake {
	t.Helper()
	f := &fake{faults: map[string]bool{}, dir: t.TempDir(), key: []byte(strings.Repeat("fake", 8)), ports: map[string]int{}, users: map[string]string{}}
	for _, name := range faults {
		f.faults[name] = true
	}
	f.public, f.inner = ownAddresses()
	f.ring = token.NewRing(f.key)
	f.secrets(t)
	f.serveHTTP(t, "auth", f.public, f.authHandler())
	f.chat = newFakeChat(f)
	f.serve(t, "chat", f.public, f.chat.serve)
	f.serve(t, "logd", f.private("logd"), f.serveRelay(t))
	f.serve(t, "healthd", f.private("healthd"), f.serveHealth)
	f.serve(t, "authd_private", f.private("authd_private"), f.serveEnded(t))
	f.serve(t, "mongodb", f.private("mongodb"), func(net.Conn) {})
	for _, name := range []string{"authd", "chatd", "logd", "healthd", "authd_logger", "chatd_logger"} {
		f.serveHTTP(t, name+"_ops", f.private(name), f.opsHandler(name))
	}
	f.Lab = &lab.Lab{Inventory: f.inventory(t), Target: f}
	return f
}

func (f *fake) has(fault string) bool { return f.faults[fault] }

// private is where a private listener is bound: on all addresses when it is to
// be found on the public one.
func (f *fake) private(name string) string {
	if f.has(name + " public") {
		return "0.0.0.0"
	}
	return f.inner
}

func (f *fake) inventory(t *testing.T) *inventory.Inventory {
	t.Helper()
	var b strings.Builder
	b.WriteString("all:\n  vars:\n")
	for name, port := range f.ports {
		fmt.Fprintf(&b, "    %s_port: %d\n", name, port)
	}
	fmt.Fprintf(&b, "  hosts:\n    one:\n      public_address: %s\n      private_address: %s\n  children:\n", f.public, f.inner)
	for _, group := range []string{"authd", "chatd", "logd", "healthd", "mongodb"} {
		if !f.has("no " + group) {
			fmt.Fprintf(&b, "    %s: {hosts: {one: {}}}\n", group)
		}
	}
	inv, err := inventory.Parse("fake", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// serve answers connections until the test ends.
func (f *fake) serve(t *testing.T, name, host string, handle func(net.Conn)) {
	t.Helper()
	ln, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	f.ports[name] = ln.Addr().(*net.TCPAddr).Port
	if f.has(name + " down") {
		ln.Close()
		return
	}
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			wg.Add(1)
			go func() {
				defer wg.Done()
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	t.Cleanup(func() { ln.Close(); wg.Wait() })
}

func (f *fake) serveHTTP(t *testing.T, name, host string, h http.Handler) {
	t.Helper()
	ln, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	f.ports[name] = ln.Addr().(*net.TCPAddr).Port
	if f.has(name + " down") {
		ln.Close()
		return
	}
	s := &http.Server{Handler: h, ReadTimeout: 20 * time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(ln) }()
	t.Cleanup(func() { s.Close(); <-done })
}

func (f *fake) opsHandler(name string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if f.has("unready") {
			http.Error(w, "database away", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		if !f.has("no metrics") {
			fmt.Fprint(w, "# of Go\ngo_goroutines 7\nprocess_resident_memory_bytes 1e7\n")
		}
	})
	return mux
}

// The target.

func (f *fake) Name() string     { return "fake" }
func (f *fake) MongoURI() string { return "mongodb://fake/" }

// MongoUser says that the log database has users, and so no door of ours.
func (f *fake) MongoUser() string { return "chatlab" }

func (f *fake) Secret(name string) (string, error) {
	path := filepath.Join(f.dir, name)
	if _, err := os.Stat(path); err != nil || f.has("no secrets") {
		return "", errs.E(errs.NotFound, "no %s", name)
	}
	return path, nil
}

func (f *fake) secrets(t *testing.T) {
	t.Helper()
	for name, text := range certificates() {
		if err := os.WriteFile(filepath.Join(f.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ca, err := pki.Open(f.dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []mtls.Role{mtls.Logd, mtls.Authd} {
		c := pki.Certificate{Name: "one-" + string(role), Subject: pki.Subject{Role: role, Node: "one", Server: true, Hosts: []string{f.inner}}}
		if err := ca.Issue(c, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	key := f.key
	if f.has("stale key") {
		key = []byte(strings.Repeat("stal", 8))
	}
	mode := os.FileMode(0o600)
	if f.has("open secret") {
		mode = 0o644
	}
	if err := os.WriteFile(filepath.Join(f.dir, "jwt.key"), []byte(base64.RawURLEncoding.EncodeToString(key)+"\n"), mode); err != nil {
		t.Fatal(err)
	}
}

// The event log.

func (f *fake) record(e event.Event) {
	r := mongodb.Record{Event: e, DateTime: e.Time().Format("2006-01-02T15:04:05Z"), Exact: true}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case slices.ContainsFunc(f.records, func(have mongodb.Record) bool { return have.Event.ID == e.ID }) && !f.has("relay doubles"):
		return
	case f.has("no chat events") && e.Server == "chat", f.has("no failures") && e.Data == "fail", f.has("v0 lost") && strings.HasSuffix(e.Subject, "v0"):
		return
	case f.has("inexact"):
		r.Exact = false
	case f.has("date form"):
		r.DateTime = e.Time().Format(time.DateTime)
	case f.has("date wrong"):
		r.DateTime = e.Time().Add(3 * time.Second).Format("2006-01-02T15:04:05Z")
	case f.has("events doubled"):
		f.records = append(f.records, r)
	}
	f.records = append(f.records, r)
}

func (f *fake) emit(server, category, subject, data string) {
	f.record(event.Event{ID: event.NewID(time.Now()), Server: server, Category: category, Subject: subject, Data: data})
}

func (f *fake) Find(_ context.Context, filter mongodb.Filter, _ event.ID) iter.Seq2[mongodb.Record, error] {
	return func(yield func(mongodb.Record, error) bool) {
		if f.has("log away") {
			yield(mongodb.Record{}, errs.E(errs.Unavailable, "log database away"))
			return
		}
		f.mu.Lock()
		all := slices.Clone(f.records)
		f.mu.Unlock()
		for _, r := range all {
			if (filter.ID == "" || filter.ID == r.Subject) && !yield(r, nil) {
				return
			}
		}
	}
}

func (f *fake) Stored(_ context.Context, id event.ID) (mongodb.Record, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.records, func(r mongodb.Record) bool { return r.Event.ID == id })
	if i < 0 || f.has("only in the tail") {
		return mongodb.Record{}, false, nil
	}
	return f.records[i], true, nil
}

// certificates are the files of a CA and of all certificates of a fake's lab. They are
// made once: each is synced to the disk.
var certificates = sync.OnceValue(func() map[string][]byte {
	dir, err := os.MkdirTemp("", "certificates")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ca, err := pki.Open(dir, time.Now())
	if err != nil {
		panic(err)
	}
	ports := ""
	for i, name := range []string{"auth", "chat", "logd", "healthd", "mongodb", "authd_ops", "chatd_ops", "logd_ops", "healthd_ops", "authd_logger_ops", "chatd_logger_ops"} {
		ports += fmt.Sprintf("%s_port: %d, ", name, i+1)
	}
	inv, err := inventory.Parse("fake", []byte("all:\n  vars: {"+ports+"}\n  hosts:\n    one: {public_address: 192.0.2.1, private_address: 198.51.100.1}\n"+
		"  children: {authd: &one {hosts: {one: {}}}, chatd: *one, logd: *one, healthd: *one, mongodb: *one}\n"))
	if err != nil {
		panic(err)
	}
	out := map[string][]byte{}
	for _, c := range pki.Plan(inv) {
		if err := ca.Issue(c, time.Now()); err != nil {
			panic(err)
		}
	}
	paths, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, path := range paths {
		if out[filepath.Base(path)], err = os.ReadFile(path); err != nil {
			panic(err)
		}
	}
	return out
})

// testRSA is one key for all tests: making it costs more than the rest.
var testRSA = newRSA()

// run runs the checks that a pattern chooses and returns their results.
func (f *fake) run(t *testing.T, globs ...string) Report {
	t.Helper()
	j := New(t.Context(), f.Lab, f)
	defer j.Close()
	j.rsa, j.patience, j.eventWait = testRSA, 700*time.Millisecond, 150*time.Millisecond
	checks, err := Choose(Catalogue(j), globs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range checks {
		checks[i].Timeout = 3 * time.Second // a fault should not hold the tests up
	}
	return Run(t.Context(), j, checks, nil)
}
