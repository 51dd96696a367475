package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"chatlab/src/app"
	"chatlab/src/event"
	"chatlab/src/mariadb"
	"chatlab/src/testkit"
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

// authd is a running daemon.
type authd struct {
	url, ops string
	private  string
	log      *testkit.Buffer
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
	a := &authd{log: &testkit.Buffer{}, events: filepath.Join(dir, "events"), done: make(chan error, 1)}
	write(t, filepath.Join(dir, "jwt.key"), token.NewKeyLine())
	write(t, filepath.Join(dir, "authd.yaml"), fmt.Sprintf(`
listen: 127.0.0.1:0
ops: {listen: "127.0.0.1:0"}
database: {%s}
token: {key_file: %s}
password: {min_length: 6, refuse_common: false}
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
	address := regexp.MustCompile(`msg=serving .*addr=(\S+) ops=(\S+) private=(\S+)`)
	testkit.Until(t, "authd serves", func() bool {
		m := address.FindStringSubmatch(a.log.String())
		if m != nil {
			a.url, a.ops, a.private = "http://"+m[1], "http://"+m[2], m[3]
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

// inMariaDB is the configuration of authd's database.
func inMariaDB(db mariadb.Config) string {
	return fmt.Sprintf("driver: mariadb, addresses: [%s], name: %s, user: %s, password_file: %s, schema_user: %s, schema_password_file: %s",
		strings.Join(db.Addresses, ","), db.Name, db.User, db.PasswordFile, db.SchemaUser, db.SchemaPasswordFile)
}
