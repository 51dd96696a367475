package zabbixtest

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chatlab/src/testkit"
	"chatlab/src/testkit/mariadbtest"
)

// Server is a running zabbix_server with a database of its own.
type Server struct {
	*Process
	DB *mariadbtest.Server

	more map[string]string
}

// sqlDir is where Debian's zabbix-server-mysql has its schema.
const sqlDir = "/usr/share/zabbix-server-mysql"

// database is the name of the server's database.
const database = "zabbix"

// StartServer runs zabbix_server on a private MariaDB, with further settings of
// its configuration file. Its database has no host and no template, and no user
// with a password.
func StartServer(t testing.TB, more map[string]string) *Server {
	t.Helper()
	Program(t, "zabbix_server")
	s := &Server{DB: mariadbtest.Start(t), more: more}
	s.load(t)
	s.run(t)
	return s
}

// load makes the schema, and of the data what the server and its API need: not
// the many templates.
func (s *Server) load(t testing.TB) {
	t.Helper()
	s.DB.Exec(t, "CREATE DATABASE "+database+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
	client := exec.Command(Program(t, "mariadb"), "--socket="+s.DB.Socket, "--user=root", database)
	in, err := client.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out := &testkit.Buffer{}
	client.Stdout, client.Stderr = out, out
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, "SET FOREIGN_KEY_CHECKS=0;\n")
	copySQL(t, in, "schema.sql.gz", nil)
	copySQL(t, in, "data.sql.gz", []string{"role", "role_rule", "usrgrp", "hstgrp", "config", "config_autoreg_tls", "globalmacro", "regexps", "expressions"})
	// The user of the API; "!" is no password's hash.
	_, _ = io.WriteString(in, "INSERT INTO users (userid,username,name,surname,passwd,autologin,autologout,roleid) VALUES (1,'test','','','!',0,'0',3);\n"+
		"INSERT INTO users_groups (id,usrgrpid,userid) VALUES (1,7,1);\n")
	_ = in.Close()
	if err := client.Wait(); err != nil {
		t.Fatalf("schema: %v\n%s", err, out)
	}
}

// copySQL copies a file's statements, or only the inserts into some tables.
func copySQL(t testing.TB, to io.Writer, name string, tables []string) {
	t.Helper()
	f, err := os.Open(filepath.Join(sqlDir, name))
	if err != nil {
		t.Skipf("%v: it is in Debian's zabbix-server-mysql", err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if tables == nil {
		if _, err := io.Copy(to, z); err != nil { //nolint:gosec // a file of the distribution
			t.Fatal(err)
		}
		return
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if table, ok := strings.CutPrefix(lines.Text(), "INSERT INTO `"); ok {
			if table, _, _ = strings.Cut(table, "`"); slices.Contains(tables, table) {
				_, _ = io.WriteString(to, lines.Text()+"\n")
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// Restart starts the server again after Stop, on the same port.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	addr := s.Addr
	s.start(t, addr)
}

func (s *Server) run(t testing.TB) { s.start(t, FreeAddr(t)) }

func (s *Server) start(t testing.TB, addr string) {
	t.Helper()
	dir := shortDir(t)
	host, port, _ := net.SplitHostPort(addr)
	settings := map[string]string{
		"LogType": "console", "ListenIP": host, "ListenPort": port, "AllowRoot": "1",
		"DBHost": "localhost", "DBName": database, "DBUser": "root", "DBSocket": s.DB.Socket, "AllowUnsupportedDBVersions": "1",
		"PidFile": filepath.Join(dir, "pid"), "SocketDir": dir,
		// Small, so that it fits a test, and quick to see a change.
		"StartPollers": "4", "StartPollersUnreachable": "1", "StartTrappers": "3", "StartPingers": "0", "StartDiscoverers": "0",
		"StartHTTPPollers": "0", "StartDBSyncers": "1", "StartPreprocessors": "1", "StartLLDProcessors": "1", "StartHistoryPollers": "1",
		"StartEscalators": "1", "StartAlerters": "1", "StartTimers": "1", "CacheUpdateFrequency": "1", "Timeout": "5",
	}
	maps.Copy(settings, s.more)
	config := filepath.Join(dir, "server.conf")
	write(t, config, settings)
	s.Process = start(t, addr, exec.Command(Program(t, "zabbix_server"), "-f", "-c", config))
	s.wait(t, "does not listen", func(ctx context.Context) error {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
}
