// Package mariadbtest runs a private MariaDB server for tests: its own data, a
// unix socket and no network; the system's server is left alone.
package mariadbtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"chatlab/src/mariadb"
	"chatlab/src/wait"
)

// patience is how long a server may take to start or stop.
const patience = 60 * time.Second

// Server is a running mariadbd.
type Server struct {
	// Socket is the path of its unix socket.
	Socket string

	daemon string
	dir    string
	user   string        // who it runs as, when root starts it
	extra  []string      // arguments of the server
	log    *bytes.Buffer // read after the process has ended
	exited chan struct{}
	pid    int
	made   atomic.Int64
}

// Start installs and starts a server, which ends with the test. Without
// MariaDB on the machine the test fails, or is skipped under -short.
func Start(t testing.TB) *Server {
	t.Helper()
	s := install(t, "root")
	s.Restart(t)
	return s
}

// install makes a server that is not started yet.
func install(t testing.TB, as string) *Server {
	t.Helper()
	daemon := find(t, "mariadbd")
	installer := find(t, "mariadb-install-db")
	// Not t.TempDir: a socket's path has at most 107 bytes.
	dir, err := os.MkdirTemp("", "mdb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &Server{Socket: filepath.Join(dir, "s"), daemon: daemon, dir: dir, user: as}
	if err := os.Mkdir(s.tmp(), 0o700); err != nil {
		t.Fatal(err)
	}
	s.own(t)
	args := append(s.args(), "--auth-root-authentication-method=normal", "--skip-test-db")
	if out, err := exec.Command(installer, args...).CombinedOutput(); err != nil {
		t.Fatalf("mariadb-install-db: %v\n%s", err, out)
	}
	t.Cleanup(func() { s.Stop(t) })
	return s
}

func find(t testing.TB, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name, "/usr/libexec/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	if testing.Short() {
		t.Skip("install mariadb-server")
	}
	t.Fatal("install mariadb-server")
	return ""
}

// tmp is the server's own folder of temporary tables: a server that starts
// removes all that it finds in its folder, those of running servers too.
func (s *Server) tmp() string { return filepath.Join(s.dir, "tmp") }

// args are what the installation and the server share.
func (s *Server) args() []string {
	args := []string{"--no-defaults", "--datadir=" + filepath.Join(s.dir, "data"), "--tmpdir=" + s.tmp()}
	if os.Geteuid() == 0 {
		args = append(args, "--user="+s.user)
	}
	return args
}

// Stop ends the server in its own time; nothing happens if it is not running.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.exited == nil {
		return
	}
	_ = syscall.Kill(s.pid, syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(patience):
		_ = syscall.Kill(s.pid, syscall.SIGKILL)
		<-s.exited
		t.Errorf("mariadbd did not stop\n%s", s.log)
	}
	s.exited = nil
}

// Restart starts the server, after Stop or for the first time, and waits until
// it answers.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.launch(t)
	s.waitReady(t)
}

// launch starts the server, and does not wait.
func (s *Server) launch(t testing.TB, args ...string) {
	t.Helper()
	all := slices.Concat(s.args(), []string{"--socket=" + s.Socket, "--skip-networking",
		"--pid-file=" + filepath.Join(s.dir, "pid"), "--skip-log-bin", "--innodb-buffer-pool-size=16M",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-log-file-size=8M", "--max-connections=50"}, s.extra, args)
	cmd := exec.Command(s.daemon, all...)
	s.log = new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	// The server dies with the thread that started it, so that thread is kept
	// until then: a killed test leaves nothing behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, exited := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(exited)
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	s.pid, s.exited = cmd.Process.Pid, exited
}

func (s *Server) waitReady(t testing.TB) {
	t.Helper()
	db := s.admin(t, "")
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return
		}
		select {
		case <-again.C:
		case <-s.exited:
			t.Fatalf("mariadbd ended: %v\n%s", err, s.log)
		case <-ctx.Done():
			t.Fatalf("mariadbd does not answer: %v", err)
		}
	}
}

// admin connects as root, to one database or to none.
func (s *Server) admin(t testing.TB, name string) *sql.DB {
	t.Helper()
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.DBName, cfg.Logger = "root", "unix", s.Socket, name, &mysql.NopLogger{}
	conn, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return sql.OpenDB(conn)
}

// Exec runs statements as root. A member of a cluster takes none while it agrees with
// the others who is there, which a busy machine makes them do at any time: they wait.
func (s *Server) Exec(t testing.TB, statements ...string) {
	t.Helper()
	db := s.admin(t, "")
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, statement := range statements {
		var err error
		wait.Until(ctx, 20*time.Millisecond, func() bool {
			_, err = db.ExecContext(ctx, statement)
			return !notPrepared(err)
		})
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// notPrepared tells whether a server of a cluster refused a statement because it knows
// of no majority at the moment: ER_UNKNOWN_COM_ERROR, of which nothing is done.
func notPrepared(err error) bool {
	var refused *mysql.MySQLError
	return errors.As(err, &refused) && refused.Number == 1047
}

// NewDatabase makes an empty database, a user with a password that may read and write
// only its rows, another that may change only its tables, and returns how to open it.
func (s *Server) NewDatabase(t testing.TB) mariadb.Config {
	t.Helper()
	name := fmt.Sprintf("test%d", s.made.Add(1))
	s.Exec(t, "CREATE DATABASE "+name,
		"CREATE USER "+name+"@localhost IDENTIFIED BY 'secret of "+name+"'",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON "+name+".* TO "+name+"@localhost",
		"CREATE USER "+name+"schema@localhost IDENTIFIED BY 'schema of "+name+"'",
		"GRANT ALL ON "+name+".* TO "+name+"schema@localhost")
	write := func(file, password string) string {
		path := filepath.Join(t.TempDir(), file)
		if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return mariadb.Config{
		Addresses: []string{s.Socket}, Name: name, User: name, PasswordFile: write("password", "secret of "+name),
		SchemaUser: name + "schema", SchemaPasswordFile: write("schema", "schema of "+name),
	}
}
