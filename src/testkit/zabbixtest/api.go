package zabbixtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatlab/src/zabbix/api"
)

// API is the JSON-RPC API of a server, which lives in Zabbix's PHP frontend.
type API struct {
	client *api.Client
	php    *Process
}

// webDir is where Debian's zabbix-frontend-php is.
const webDir = "/usr/share/zabbix"

// API serves the frontend with PHP's own web server, from a copy whose
// configuration is the test's.
func (s *Server) API(t testing.TB) *API {
	t.Helper()
	php := Program(t, "php")
	if _, err := os.Stat(filepath.Join(webDir, "api_jsonrpc.php")); err != nil {
		t.Skip("Zabbix's frontend is not installed: it is in Debian's zabbix-frontend-php")
	}
	dir := shortDir(t)
	web := filepath.Join(dir, "web")
	if out, err := exec.Command("cp", "-rL", webDir, web).CombinedOutput(); err != nil {
		t.Fatalf("copy the frontend: %v\n%s", err, out)
	}
	host, port, _ := strings.Cut(s.Addr, ":")
	config := filepath.Join(dir, "zabbix.conf.php")
	text := fmt.Sprintf("<?php\n$DB['TYPE']='MYSQL';$DB['SERVER']='localhost';$DB['PORT']='0';$DB['DATABASE']='%s';$DB['USER']='root';$DB['PASSWORD']='';"+
		"$DB['SCHEMA']='';$DB['ENCRYPTION']=false;$DB['DOUBLE_IEEE754']=true;$ZBX_SERVER='%s';$ZBX_SERVER_PORT='%s';$ZBX_SERVER_NAME='';$IMAGE_FORMAT_DEFAULT=IMAGE_FORMAT_PNG;\n",
		database, host, port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(web, "include/classes/core/CConfigFile.php"), "/etc/zabbix/zabbix.conf.php", config)
	a, session := &API{}, s.newSession(t)
	addr := FreeAddr(t)
	a.php = start(t, addr, exec.Command(php, "-d", "mysqli.default_socket="+s.DB.Socket, "-d", "memory_limit=512M",
		"-d", "max_execution_time=300", "-d", "display_errors=stderr", "-d", "post_max_size=16M", "-S", addr, "-t", web))
	a.php.wait(t, "the API does not answer", func(ctx context.Context) (err error) {
		if a.client, err = api.Resume(ctx, http.DefaultClient, "http://"+addr, session); err != nil {
			return err
		}
		return a.client.Call(ctx, "hostgroup.get", map[string]any{"limit": 1}, nil)
	})
	return a
}

// newSession signs the test's user in by a row of its own: nobody has a
// password.
func (s *Server) newSession(t testing.TB) string {
	t.Helper()
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	session := hex.EncodeToString(id[:])
	s.DB.Exec(t, fmt.Sprintf("INSERT INTO %s.sessions (sessionid,userid,lastaccess,status) VALUES ('%s',1,%d,0)", database, session, time.Now().Unix()))
	return session
}

func edit(t testing.TB, path, old, text string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%s does not hold %s (%v): another release of the frontend?", path, old, err)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(data, []byte(old), []byte(text)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Call makes a call of the API; result may be nil.
func (a *API) Call(t testing.TB, method string, params, result any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	if err := a.client.Call(ctx, method, params, result); err != nil {
		t.Fatalf("%s: %v\n%s", method, err, tail(a.php.Log()))
	}
}

func tail(s string) string { return s[max(0, len(s)-2000):] }
