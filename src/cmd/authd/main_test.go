package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/mariadb/mariadbtest"
	"chatlab/src/token"
)

// fakeLogger in the environment makes the test binary a logger.
const fakeLogger = "CHATLAB_TEST_FAKE_LOGGER"

func TestMain(m *testing.M) {
	if os.Getenv(fakeLogger) != "" {
		if err := beLogger(os.Args[len(os.Args)-1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := os.Setenv(fakeLogger, "1"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// beLogger keeps the lines of its standard input in a file, and says so.
func beLogger(path string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(os.Stdin)
	for n := uint64(0); ; n++ {
		if _, err := os.Stdout.Write(event.AppendAck(nil, n)); err != nil {
			return err
		}
		if !lines.Scan() {
			return lines.Err()
		}
		if _, err := fmt.Fprintln(f, lines.Text()); err != nil {
			return err
		}
	}
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// authd is a running daemon.
type authd struct {
	url, ops string
	log      *buffer
	events   string // file of the fake logger
	stop     context.CancelFunc
	done     chan error
}

// start runs authd until the test ends; database is the YAML below that key,
// more are further arguments.
func start(t *testing.T, database string, more ...string) *authd {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a := &authd{log: &buffer{}, events: filepath.Join(dir, "events"), done: make(chan error, 1)}
	write(t, filepath.Join(dir, "jwt.key"), token.NewKeyLine())
	write(t, filepath.Join(dir, "authd.yaml"), fmt.Sprintf(`
listen: 127.0.0.1:0
ops: {listen: "127.0.0.1:0"}
database: {%s}
token: {key_file: %s}
password: {min_length: 6}
logger: {command: %s, config: %s, timeout: 5s}
`, database, filepath.Join(dir, "jwt.key"), self, a.events))
	ctx, cancel := context.WithCancel(context.Background())
	a.stop = cancel
	env := &app.Env{Name: "authd", Args: append([]string{"--config", filepath.Join(dir, "authd.yaml")}, more...),
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: a.log}
	go func() { a.done <- run(ctx, env) }()
	t.Cleanup(func() {
		if err := a.end(); err != nil {
			t.Errorf("authd: %v", err)
		}
		if t.Failed() {
			t.Log(a.log)
		}
	})
	address := regexp.MustCompile(`msg=serving .*address=(\S+) ops=(\S+)`)
	eventually(t, "authd serves", func() bool {
		m := address.FindStringSubmatch(a.log.String())
		if m != nil {
			a.url, a.ops = "http://"+m[1], "http://"+m[2]
		}
		return m != nil
	})
	return a
}

// end stops authd, once, and returns what run returned.
func (a *authd) end() error {
	a.stop()
	select {
	case err, more := <-a.done:
		if more {
			close(a.done)
		}
		return err
	case <-time.After(30 * time.Second):
		return fmt.Errorf("it does not stop")
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !cond(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func (a *authd) get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, res)
}

func (a *authd) post(t *testing.T, path, body string) (int, string) {
	t.Helper()
	res, err := http.Post(a.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return read(t, res)
}

func read(t *testing.T, res *http.Response) (int, string) {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func (a *authd) ready(t *testing.T) bool {
	t.Helper()
	status, _ := a.get(t, a.ops+"/readyz")
	return status == http.StatusOK
}

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
	eventually(t, "ready", func() bool { return a.ready(t) })
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
	eventually(t, "ready", func() bool { return a.ready(t) })
	var all sync.WaitGroup
	var mu sync.Mutex
	answered := map[string]bool{}
	for i := range 16 {
		all.Go(func() {
			id := fmt.Sprint("kim", i)
			res, err := http.Post(a.url+"/auth/signup", "application/json", strings.NewReader(strings.Replace(kim, "Kim", id, 1)))
			if err != nil {
				return // it had stopped
			}
			if status, body := read(t, res); status != 200 {
				t.Errorf("%d %s", status, body)
			}
			mu.Lock()
			defer mu.Unlock()
			answered[id] = true
		})
	}
	eventually(t, "the first is answered", func() bool { mu.Lock(); defer mu.Unlock(); return len(answered) > 0 })
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
	eventually(t, "the database is open", func() bool { return strings.Contains(a.log.String(), "database is open") })
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
	a := start(t, fmt.Sprintf("driver: mariadb, addresses: [%s], name: %s, user: %s, password_file: %s",
		strings.Join(db.Addresses, ","), db.Name, db.User, db.PasswordFile))
	eventually(t, "a line about the database", func() bool { return strings.Contains(a.log.String(), "database is away") })
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
	eventually(t, "ready", func() bool { return a.ready(t) })
	a.journey(t)
	server.Stop(t)
	if a.ready(t) {
		t.Error("ready after the database went away")
	}
	if status, body := a.post(t, "/auth/login", login); status != 503 {
		t.Errorf("login after the database went away: %d %s", status, body)
	}
	server.Restart(t)
	eventually(t, "ready again", func() bool { return a.ready(t) })
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

func TestWrongConfigurationIsNamed(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "jwt.key")
	write(t, key, token.NewKeyLine())
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
