package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"chatlab/src/app"
	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/mtls"
	"chatlab/src/testkit"
	"chatlab/src/testkit/mariadbtest"
	"chatlab/src/testkit/mtlstest"
	"chatlab/src/token"
)

const (
	kim   = `{"id":"Kim","passwd":"secret","email":"kim@example.org"}`
	login = `{"id":"kim","passwd":"secret"}`
)

// journey is what a user does.
func (a *authd) journey(t *testing.T) {
	t.Helper()
	if status, body := a.post(t, "/auth/signup", kim); status != 200 || body != `{"message":"signup successful"}` {
		t.Fatalf("signup: %d %s", status, body)
	}
	if status, _ := a.post(t, "/auth/login", strings.Replace(login, "secret", "secrets", 1)); status != 401 {
		t.Errorf("wrong password: %d", status)
	}
	status, body := a.post(t, "/auth/login", login)
	var got struct{ Token string }
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 {
		t.Fatalf("login: %d %s", status, body)
	}
	req, err := http.NewRequest(http.MethodPost, a.url+"/auth/refresh", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+got.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := read(t, res); status != 200 {
		t.Errorf("refresh: %d %s", status, body)
	}
	if status, body := a.get(t, a.url+"/auth/getuser/KIM"); status != 200 || body != `{"id":"Kim"}` {
		t.Errorf("getuser: %d %s", status, body)
	}
}

// wantEvents compares the fields after the ID of what the logger has.
func (a *authd) wantEvents(t *testing.T, want ...string) {
	t.Helper()
	text, err := os.ReadFile(a.events)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		e, err := event.Parse([]byte(line), time.Now())
		if err != nil || e.Server != "auth" {
			t.Errorf("%q: %v", line, err)
		}
		got = append(got, e.Category+"/"+e.Subject+"/"+e.Data)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

func TestAuthdOnSQLite(t *testing.T) {
	a := start(t, "path: "+filepath.Join(t.TempDir(), "users.db"))
	testkit.Until(t, "ready", func() bool { return a.ready(t) })
	a.journey(t)
	a.wantEvents(t, "signup/Kim/success", "signin/Kim/fail", "signin/Kim/success")
	_, metrics := a.get(t, a.ops+"/metrics")
	for _, line := range []string{
		`chatlab_auth_requests_total{call="login",result="ok"} 1`, `chatlab_auth_requests_total{call="login",result="wrong_credentials"} 1`,
		`chatlab_auth_requests_total{call="signup",result="ok"} 1`, `chatlab_auth_request_seconds_count{call="refresh"} 1`,
		`chatlab_auth_hash_seconds_count 3`, `chatlab_auth_hash_waiting 0`, `chatlab_events_durable_total 3`,
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("no metric %s", line)
		}
	}
	if err := a.end(); err != nil {
		t.Errorf("graceful stop: %v", err)
	}
	if _, err := http.Get(a.url + "/auth/health"); err == nil {
		t.Error("it serves after its end")
	}
}

func TestAnsweredSignUpsAreRecordedWhenAuthdStops(t *testing.T) {
	a := start(t, "path: "+filepath.Join(t.TempDir(), "users.db"))
	testkit.Until(t, "ready", func() bool { return a.ready(t) })
	var all sync.WaitGroup
	var mu sync.Mutex
	answered := map[string]bool{}
	for i := range 8 { // more than hash at once, and few enough for a slow machine to end in time
		all.Go(func() {
			id := fmt.Sprint("kim", i)
			res, err := http.Post(a.url+"/auth/signup", "application/json", strings.NewReader(strings.Replace(kim, "Kim", id, 1)))
			if err != nil {
				return // it had stopped
			}
			if status, body := read(t, res); status != 200 {
				t.Errorf("%d %s", status, body)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			answered[id] = true
		})
	}
	testkit.Until(t, "the first is answered", func() bool { mu.Lock(); defer mu.Unlock(); return len(answered) > 0 })
	if err := a.end(); err != nil {
		t.Error(err)
	}
	all.Wait()
	text, err := os.ReadFile(a.events)
	if err != nil {
		t.Fatal(err)
	}
	for id := range answered {
		if !strings.Contains(string(text), "/auth/signup/"+id+"/success\n") {
			t.Errorf("%s was answered, and is not in the event log", id)
		}
	}
}

func TestNotReadyWhileTheLoggerFails(t *testing.T) {
	a := start(t, "path: "+filepath.Join(t.TempDir(), "users.db"), "--logger.command=false")
	testkit.Until(t, "the database is open", func() bool { return strings.Contains(a.log.String(), "database is open") })
	if status, why := a.get(t, a.ops+"/readyz"); status != 503 || !strings.Contains(why, "event log") {
		t.Errorf("ready: %d %s", status, why)
	}
	if status, body := a.post(t, "/auth/signup", kim); status != 503 {
		t.Errorf("signup: %d %s", status, body)
	}
	if status, _ := a.get(t, a.url+"/auth/getuser/kim"); status != 404 {
		t.Errorf("the user was made: %d", status)
	}
}

func TestAuthdOnMariaDBThatComesAndGoes(t *testing.T) {
	server := mariadbtest.Start(t)
	db := server.NewDatabase(t)
	server.Stop(t)
	a := start(t, inMariaDB(db))
	testkit.Until(t, "a line about the database", func() bool { return strings.Contains(a.log.String(), "database is away") })
	status, why := a.get(t, a.ops+"/readyz")
	if status != 503 || !strings.Contains(why, "database") {
		t.Errorf("ready without a database: %d %s", status, why)
	}
	if status, body := a.get(t, a.url+"/auth/health"); status != 200 || body != `{"message":"alive"}` {
		t.Errorf("health without a database: %d %s", status, body)
	}
	if status, body := a.post(t, "/auth/signup", kim); status != 503 {
		t.Errorf("signup without a database: %d %s", status, body)
	}
	server.Restart(t)
	testkit.Until(t, "ready", func() bool { return a.ready(t) })
	a.journey(t)
	server.Stop(t)
	if a.ready(t) {
		t.Error("ready after the database went away")
	}
	if status, body := a.post(t, "/auth/login", login); status != 503 {
		t.Errorf("login after the database went away: %d %s", status, body)
	}
	server.Restart(t)
	testkit.Until(t, "ready again", func() bool { return a.ready(t) })
	if status, body := a.post(t, "/auth/login", login); status != 200 {
		t.Errorf("login when it is back: %d %s", status, body)
	}
	a.wantEvents(t, "signup/Kim/success", "signin/Kim/fail", "signin/Kim/success", "signin/Kim/success")
	for _, secret := range []string{"secret of", `"secret"`, "eyJ"} {
		if strings.Contains(a.log.String(), secret) {
			t.Errorf("%s is in the log", secret)
		}
	}
}

func TestLockIsThatOfAllAuthdOnOneMariaDB(t *testing.T) {
	db := mariadbtest.Start(t).NewDatabase(t)
	config := inMariaDB(db)
	begin := func() *authd {
		a := start(t, config, "--limits.login-failures=4", "--limits.lockout=10m")
		testkit.Until(t, "ready", func() bool { return a.ready(t) })
		return a
	}
	one, other := begin(), begin()
	one.journey(t)
	for i := range 4 {
		a := []*authd{one, other}[i%2]
		if status, _ := a.post(t, "/auth/login", strings.Replace(login, "secret", "secrets", 1)); status != 401 {
			t.Errorf("guess %d: %d", i, status)
		}
	}
	if err := one.end(); err != nil {
		t.Error(err)
	}
	for what, a := range map[string]*authd{"the other": other, "one that starts later": begin()} {
		if status, body := a.post(t, "/auth/login", login); status != 429 {
			t.Errorf("%s: %d %s", what, status, body)
		}
	}
}

func TestLogoutAtOneAuthdIsToldByAnother(t *testing.T) {
	db := mariadbtest.Start(t).NewDatabase(t)
	config := inMariaDB(db)
	ca := mtlstest.NewAuthority(t)
	cert := ca.Files(mtls.Authd, "auth")
	key := filepath.Join(t.TempDir(), "shared.key")
	write(t, key, token.NewKeyLine())
	private := []string{"--token.key-file=" + key, "--private.listen=127.0.0.1:0", "--private.ca=" + cert.CA, "--private.cert=" + cert.Cert, "--private.key=" + cert.Key}
	one, other := start(t, config, private...), start(t, config, private...)
	testkit.Until(t, "ready", func() bool { return one.ready(t) && other.ready(t) })
	one.journey(t)
	_, body := one.post(t, "/auth/login", login)
	var got struct{ Token string }
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	auth, err := client.NewAuth(one.url)
	if err != nil {
		t.Fatal(err)
	}
	if err := auth.Logout(t.Context(), got.Token); err != nil {
		t.Fatal(err)
	}
	there, err := client.NewAuth(other.url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := there.Refresh(t.Context(), got.Token); !errs.Is(err, errs.TokenRevoked) {
		t.Errorf("refresh at the other: %v", err)
	}
	follower, err := client.NewEnded(ca.Files(mtls.ChatdAuthd, "chat"), other.private)
	if err != nil {
		t.Fatal(err)
	}
	ended, err := follower.Fetch(t.Context())
	if err != nil || ended["kim"] == 0 {
		t.Errorf("the other tells %v, %v", ended, err)
	}
	for who, files := range map[string]mtls.Files{
		"another CA's": mtlstest.NewAuthority(t).Files(mtls.ChatdAuthd, "chat"), "a route's": ca.Files(mtls.Chatd, "chat"), "a logger's": ca.Files(mtls.ChatdLogger, "chat"),
	} {
		stranger, err := client.NewEnded(files, other.private)
		if err != nil {
			t.Fatal(err)
		}
		if ended, err := stranger.Fetch(t.Context()); !errs.Is(err, errs.Unavailable) {
			t.Errorf("with %s certificate: %v, %v", who, ended, err)
		}
	}
}

func TestWrongConfigurationIsNamed(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "jwt.key")
	write(t, key, token.NewKeyLine())
	ca := mtlstest.NewAuthority(t).Files(mtls.Authd, "auth")
	good := []string{"--listen=127.0.0.1:0", "--ops.listen=127.0.0.1:0", "--database.path=" + filepath.Join(dir, "db"),
		"--token.key-file=" + key, "--logger.config=" + filepath.Join(dir, "events")}
	for what, args := range map[string][]string{
		"no-such-flag":               {"--no-such-flag"},
		"token.key_file":             {"--token.key-file="},
		"logger.config":              {"--logger.config="},
		"logger.command":             {"--logger.command="},
		"database.path":              {"--database.path="},
		"database.driver":            {"--database.driver=oracle"},
		"database.addresses":         {"--database.driver=mariadb"},
		"password.min_length":        {"--password.min-length=0"},
		"private listener":           {"--private.listen=nowhere", "--private.ca=" + ca.CA, "--private.cert=" + ca.Cert, "--private.key=" + ca.Key},
		"TLS needs ca, cert and key": {"--private.listen=127.0.0.1:0"},
		"limits.requests_per_second": {"--limits.requests-per-second=-1"},
		"log level":                  {"--log-level=loud"},
		"listener":                   {"--listen=127.0.0.1:99999"},
		"ops listener":               {"--ops.listen=nowhere"},
		"no such file":               {"--token.key-file=" + dir + "/none"},
		"no-such-logger":             {"--logger.command=no-such-logger"},
		"database.password_file":     {"--database.driver=mariadb", "--database.addresses=/s", "--database.password-file=/none"},
	} {
		t.Run(what, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			self, _ := os.Executable()
			env := &app.Env{Name: "authd", Args: append(append(good, "--logger.command="+self), args...), Stdout: io.Discard, Stderr: io.Discard}
			err := run(ctx, env)
			if !errs.Is(err, errs.Usage) || !strings.Contains(err.Error()+errs.FixOf(err), what) {
				t.Errorf("%v", err)
			}
		})
	}
}
