//go:build bench

package bench

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"chatlab/src/testkit/mariadbtest"
	"chatlab/src/token"
)

// Sign-ins are measured in turns with bare hashing, so that both see the same
// machine.
const (
	loginTurns = 3
	loginTurn  = 2 * time.Second
	loginUsers = 16 // one for each client that signs in at the same time
)

// TestLoginsOverBareHashing holds the rate of sign-ins over HTTP, durable
// events included, against argon2id alone with the same costs and cores: with
// SQLite, and with a MariaDB where wrong passwords are looked up for all authd.
func TestLoginsOverBareHashing(t *testing.T) {
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: loginUsers}}
	sqlite := startAuthd(t, fmt.Sprintf("path: %s", filepath.Join(t.TempDir(), "users.db")), "login_failures: 0")
	db := mariadbtest.Start(t).NewDatabase(t)
	mariadb := startAuthd(t, fmt.Sprintf("driver: mariadb, addresses: [%s], name: %s, user: %s, password_file: %s, schema_user: %s, schema_password_file: %s",
		db.Addresses[0], db.Name, db.User, db.PasswordFile, db.SchemaUser, db.SchemaPasswordFile), "login_failures: 10")
	for i := range loginUsers {
		for _, url := range []string{sqlite, mariadb} {
			if status, body := authSignUp(t, client, url, i); status != http.StatusOK {
				t.Fatalf("sign-up: %d %s", status, body)
			}
		}
	}
	logins := func(url string) float64 {
		return ratePerSecond(loginUsers, func(i int) {
			if status, body := authPost(t, client, url+"/auth/login", fmt.Sprintf(`{"id":"kim%d","passwd":"correct horse"}`, i)); status != http.StatusOK {
				t.Errorf("sign-in: %d %s", status, body)
			}
		}) / loginTurns
	}
	var raw, onSQLite, onMariaDB float64
	for range loginTurns {
		raw += ratePerSecond(runtime.GOMAXPROCS(0), func(int) {
			argon2.IDKey([]byte("correct horse"), make([]byte, 16), 2, 19<<10, 1, 32)
		}) / loginTurns
		onSQLite += logins(sqlite)
		onMariaDB += logins(mariadb)
	}
	row(t, "argon2id alone, 19 MiB, t=2, p=1", raw, "hashes/s", "", true)
	row(t, "sign-ins over HTTP, events durable", onSQLite, "logins/s", "", true)
	row(t, "sign-ins over argon2id alone", onSQLite/raw, "", ">= 0.9", onSQLite/raw >= 0.9)
	row(t, "sign-ins on MariaDB, accounts limited", onMariaDB, "logins/s", "", true)
	row(t, "sign-ins on MariaDB over argon2id alone", onMariaDB/raw, "", ">= 0.9", onMariaDB/raw >= 0.9)
}

func authSignUp(t *testing.T, client *http.Client, url string, i int) (int, string) {
	t.Helper()
	return authPost(t, client, url+"/auth/signup",
		fmt.Sprintf(`{"id":"kim%d","passwd":"correct horse","email":"kim@example.org"}`, i))
}

func authPost(t *testing.T, client *http.Client, url, body string) (int, string) {
	res, err := client.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return res.StatusCode, string(text)
}

// ratePerSecond returns how often workers run work in a second, over one turn.
func ratePerSecond(workers int, work func(worker int)) float64 {
	var done atomic.Int64
	var all sync.WaitGroup
	begin := time.Now()
	for i := range workers {
		all.Go(func() {
			for time.Since(begin) < loginTurn {
				work(i)
				done.Add(1)
			}
		})
	}
	all.Wait()
	return float64(done.Load()) / time.Since(begin).Seconds()
}

// startAuthd runs the real authd, with its real logger, on an empty database;
// limits of addresses are off. It returns the API's URL.
func startAuthd(t *testing.T, database, limits string) string {
	t.Helper()
	url, _ := startAuthdWith(t, database, "requests_per_second: 0, sign_ins_per_second: 0, "+limits)
	return url
}

// startAuthdWith is startAuthd with limits of its own; it also returns the process.
func startAuthdWith(t *testing.T, database, limits string) (url string, pid int) {
	t.Helper()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{
		"jwt.key":     token.NewKeyLine(),
		"logger.yaml": fmt.Sprintf("spool: {dir: %s}\n", in("spool")),
		"authd.yaml": fmt.Sprintf(`
listen: 127.0.0.1:0
ops: {listen: "127.0.0.1:0"}
database: {%s}
token: {key_file: %s}
limits: {%s}
logger: {command: %s, config: %s}
`, database, in("jwt.key"), limits, binary(t, "logger"), in("logger.yaml")),
	} {
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary(t, "authd"), "--config", in("authd.yaml"))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // so that it ends its logger as well
		_ = cmd.Wait()
	})
	url, ops := authdAddresses(t, stderr)
	for deadline := time.Now().Add(20 * time.Second); ; {
		if res, err := http.Get(ops + "/readyz"); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return url, cmd.Process.Pid
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("authd is not ready")
		}
	}
}

// authdAddresses reads authd's log until it says where it serves, and the rest away.
func authdAddresses(t *testing.T, log io.Reader) (url, ops string) {
	t.Helper()
	serving := regexp.MustCompile(`msg=serving .*addr=(\S+) ops=(\S+)`)
	lines, last := bufio.NewScanner(log), ""
	for lines.Scan() {
		last += lines.Text() + "\n"
		if m := serving.FindStringSubmatch(lines.Text()); m != nil {
			go func() { _, _ = io.Copy(os.Stderr, log) }()
			return "http://" + m[1], "http://" + m[2]
		}
	}
	t.Fatalf("authd ended before it served:\n%s", last)
	return "", ""
}
