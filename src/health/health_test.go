package health_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/health"
)

// answers serves one HTTP path with a status and body.
func answers(t *testing.T, path string, status int, body string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// says serves TCP: it reads a line, then says what it is told; "" is silence.
func says(t *testing.T, text string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				_, _ = bufio.NewReader(conn).ReadString('\n')
				if text != "" {
					_, _ = io.WriteString(conn, text)
					return
				}
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	return ln.Addr().String()
}

// checks makes the checks.
func checks(t *testing.T, cfg health.Config) *health.Checks {
	t.Helper()
	c, err := health.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// dead is an address on which nobody listens.
func dead(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

func TestUpIsWhatTheServiceItselfSays(t *testing.T) {
	alive := answers(t, "/auth/health", 200, `{"message":"alive"}`)
	ready := answers(t, "/readyz", 200, "ready\n")
	notReady := answers(t, "/readyz", 503, "database away\n")
	chat := says(t, "error: bad_token: the token is not valid\n")
	one := func(s string) []string { return []string{s} }
	tests := map[string]struct {
		services health.Services
		key      string
		want     string
	}{
		"auth":              {health.Services{Auth: one(alive), AuthOps: one(ready)}, "chatlab.up[auth]", "1"},
		"auth, no ops":      {health.Services{Auth: one(alive)}, "chatlab.up[auth]", "1"},
		"auth not ready":    {health.Services{Auth: one(alive), AuthOps: one(notReady)}, "chatlab.up[auth]", "0"},
		"auth, ops dead":    {health.Services{Auth: one(alive), AuthOps: one(dead(t))}, "chatlab.up[auth]", "0"},
		"auth dead":         {health.Services{Auth: one(dead(t)), AuthOps: one(ready)}, "chatlab.up[auth]", "0"},
		"auth says another": {health.Services{Auth: one(answers(t, "/auth/health", 200, `{"message":"dead"}`))}, "chatlab.up[auth]", "0"},
		"auth fails":        {health.Services{Auth: one(answers(t, "/auth/health", 500, `{"message":"alive"}`))}, "chatlab.up[auth]", "0"},
		"chat":              {health.Services{Chat: one(chat), ChatOps: one(ready)}, "chatlab.up[chat]", "1"},
		"chat unavailable":  {health.Services{Chat: one(says(t, "error: unavailable: the log is away\n"))}, "chatlab.up[chat]", "0"},
		"chat another":      {health.Services{Chat: one(says(t, "220 smtp\n"))}, "chatlab.up[chat]", "0"},
		"chat dead":         {health.Services{Chat: one(dead(t))}, "chatlab.up[chat]", "0"},
		"logd":              {health.Services{Logd: one(says(t, "")), LogdOps: one(ready)}, "chatlab.up[logd]", "1"},
		"logd not ready":    {health.Services{Logd: one(says(t, "")), LogdOps: one(notReady)}, "chatlab.up[logd]", "0"},
		"logd dead":         {health.Services{Logd: one(dead(t))}, "chatlab.up[logd]", "0"},
		"one of two dead":   {health.Services{Logd: []string{says(t, ""), dead(t)}}, "chatlab.up[logd]", "0"},
		"the living of two": {health.Services{Chat: []string{dead(t), chat}}, `chatlab.up[chat,"` + chat + `"]`, "1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := checks(t, health.Config{Services: tt.services}).Value(t.Context(), tt.key)
			if err != nil || got != tt.want {
				t.Fatalf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestLogServersSayWhetherTheLogDatabaseAnswers(t *testing.T) {
	ready, notReady := answers(t, "/readyz", 200, "ok"), answers(t, "/readyz", 503, "log database away")
	for name, tt := range map[string]struct {
		ops       []string
		want, why string
	}{
		"ready":           {[]string{ready}, "1", ""},
		"one of two":      {[]string{notReady, ready}, "1", ""},
		"away":            {[]string{notReady, dead(t)}, "0", ""},
		"nobody to ask":   {[]string{dead(t)}, "", "No log server answers"},
		"nobody is there": {nil, "", "No log server answers"},
	} {
		got, err := checks(t, health.Config{ByLogd: true, Services: health.Services{Logd: tt.ops, LogdOps: tt.ops}}).Value(t.Context(), "chatlab.mongodb.ping")
		if got != tt.want || (err != nil) != (tt.why != "") || err != nil && !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %q, %v; want %q, %q", name, got, err, tt.want, tt.why)
		}
	}
}

func TestSilentServiceIsDownInTime(t *testing.T) {
	c := checks(t, health.Config{Services: health.Services{Chat: []string{says(t, "")}}})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if got, err := c.Value(ctx, "chatlab.up[chat]"); got != "0" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestReasonsOfNoValue(t *testing.T) {
	r := checks(t, health.Config{Version: "v1", Services: health.Services{Auth: []string{"127.0.0.1:1"}}})
	for key, want := range map[string]string{
		"nope":                           "Unsupported item key.",
		"agent.ping[a]":                  "Too many parameters.",
		"agent.ping[":                    "Invalid item key format.",
		"chatlab.up":                     "Give auth, chat or logd, and perhaps a member's address.",
		"chatlab.up[mail]":               `There is no service "mail": give auth, chat or logd.`,
		"chatlab.up[chat]":               "No address of chat is configured.",
		"chatlab.up[auth,\"1.2.3.4:5\"]": `auth has no member at "1.2.3.4:5".`,
		"chatlab.up[a,b,c]":              "Give auth, chat or logd, and perhaps a member's address.",
	} {
		if value, err := r.Value(t.Context(), key); err == nil || errs.Public(err) != want {
			t.Errorf("%s: %q, %v; want %q", key, value, err, want)
		}
	}
	for key, want := range map[string]string{"agent.ping": "1", "agent.ping[]": "1", "agent.version": "v1"} {
		if value, err := r.Value(t.Context(), key); value != want {
			t.Errorf("%s: %q, %v", key, value, err)
		}
	}
}

func TestDiscoveryListsEveryMember(t *testing.T) {
	c := checks(t, health.Config{Node: "log", Services: health.Services{
		Auth: []string{"192.0.2.1:8081", "192.0.2.2:8081"}, AuthOps: []string{"192.0.2.1:9081", "192.0.2.2:9081"}, Logd: []string{"[2001:db8::1]:8083"},
	}})
	text, err := c.Value(t.Context(), "chatlab.discovery")
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	if err := json.Unmarshal([]byte(text), &rows); err != nil || len(rows) != 3 {
		t.Fatalf("%v in %s", err, text)
	}
	want := map[string]string{"{#SERVICE}": "auth", "{#MEMBER}": "192.0.2.2:8081", "{#ADDRESS}": "192.0.2.2", "{#PORT}": "8081", "{#OPS}": "192.0.2.2:9081", "{#NODE}": "log"}
	for k, v := range want {
		if rows[1][k] != v {
			t.Errorf("%s = %q, want %q", k, rows[1][k], v)
		}
	}
	if rows[2]["{#ADDRESS}"] != "2001:db8::1" {
		t.Errorf("IPv6: %v", rows[2])
	}
}

func TestWrongAddressesAreNamed(t *testing.T) {
	for want, s := range map[string]health.Services{
		"auth_ops": {Auth: []string{"a:1", "b:1"}, AuthOps: []string{"a:2"}},
		"chat":     {Chat: []string{"no port"}},
	} {
		if _, err := health.New(health.Config{Services: s}); !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}
