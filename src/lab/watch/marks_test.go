package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatlab/src/errs"
	"chatlab/src/grafana"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

// marked is a target that has only the secrets of Grafana.
type marked struct {
	lab.Target
	dir string
}

func (m marked) Secret(name string) (string, error) {
	path := filepath.Join(m.dir, name)
	_, err := os.Stat(path)
	return path, err
}

// oneNode is an inventory of one machine that carries all services, and more.
func oneNode(t *testing.T, public, vars string, more ...string) *inventory.Inventory {
	t.Helper()
	var text strings.Builder
	text.WriteString("all:\n  vars:\n" + vars)
	for n, name := range []string{"auth", "chat", "logd", "healthd", "mongodb", "authd_ops", "chatd_ops", "logd_ops", "healthd_ops", "authd_logger_ops", "chatd_logger_ops"} {
		fmt.Fprintf(&text, "    %s_port: %d\n", name, n+1)
	}
	fmt.Fprintf(&text, "  hosts:\n    one: {public_address: %s, private_address: 127.93.123.1}\n  children:\n", public)
	for _, group := range append([]string{"authd", "chatd", "logd", "healthd", "mongodb", "zabbix_server"}, more...) {
		fmt.Fprintf(&text, "    %s: {hosts: {one: {}}}\n", group)
	}
	inv, err := inventory.Parse("test", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// labWithGrafana is a lab whose Grafana is at an address.
func labWithGrafana(t *testing.T, base string) *lab.Lab {
	t.Helper()
	at, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	inv := oneNode(t, at.Hostname(), "    grafana_port: "+at.Port()+"\n", "grafana")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "grafana.password"), []byte("right\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return &lab.Lab{Inventory: inv, Target: marked{dir: dir}}
}

// annotations answers as Grafana's API does, and keeps what it was told.
type annotations struct {
	calls  []string
	bodies []map[string]any
}

func (a *annotations) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if user != GrafanaAccount || password != "right" {
		http.Error(w, `{"message":"invalid username or password"}`, http.StatusUnauthorized)
		return
	}
	var body map[string]any
	text, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(text, &body)
	a.calls, a.bodies = append(a.calls, r.Method+" "+r.URL.Path), append(a.bodies, body)
	if r.Method == http.MethodPost {
		_, _ = io.WriteString(w, `{"message":"Annotation added","id":7}`)
		return
	}
	_, _ = io.WriteString(w, `{"message":"Annotation patched"}`)
}

func TestAMarkHasABeginAndAnEnd(t *testing.T) {
	a := &annotations{}
	server := httptest.NewServer(a)
	defer server.Close()
	m, err := OpenMarks(labWithGrafana(t, server.URL), server.Client())
	if err != nil || m == nil {
		t.Fatalf("%v, %v", m, err)
	}
	mark, err := m.Begin(t.Context(), "lab drill freeze")
	if err != nil {
		t.Fatal(err)
	}
	if err := mark.End(t.Context(), "lab drill freeze: ok"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(a.calls, ", "); got != "POST /api/annotations, PATCH /api/annotations/7" {
		t.Fatal(got)
	}
	tags, _ := a.bodies[0]["tags"].([]any)
	began, _ := a.bodies[0]["time"].(float64)
	ended, _ := a.bodies[1]["timeEnd"].(float64)
	if len(tags) != 1 || tags[0] != grafana.MarkTag || began <= 0 || ended < began || a.bodies[1]["text"] != "lab drill freeze: ok" {
		t.Errorf("%v", a.bodies)
	}
}

func TestAMarkThatGrafanaDoesNotTakeIsNamed(t *testing.T) {
	server := httptest.NewServer(&annotations{})
	l := labWithGrafana(t, server.URL)
	m, err := OpenMarks(l, server.Client())
	if err != nil {
		t.Fatal(err)
	}
	wrong := *m
	wrong.password = "wrong"
	if _, err := wrong.Begin(t.Context(), "x"); !errs.Is(err, errs.Failed) || !strings.Contains(err.Error(), "401") {
		t.Errorf("a wrong password: %v", err)
	}
	server.Close()
	if _, err := m.Begin(context.Background(), "x"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("no Grafana: %v", err)
	}
}

func TestALabWithoutGrafanaHasNoMarks(t *testing.T) {
	inv := oneNode(t, "127.93.75.1", "")
	if m, err := OpenMarks(&lab.Lab{Inventory: inv, Target: marked{dir: t.TempDir()}}, http.DefaultClient); m != nil || err != nil {
		t.Errorf("%v, %v", m, err)
	}
}
