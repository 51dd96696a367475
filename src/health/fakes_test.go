package health_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"chatlab/src/wire"
)

// world is a lab of fakes: an auth server, a chat server and the log server,
// which stores what the two report when it is told to.
type world struct {
	auth, chat, logdOps string

	mu      sync.Mutex
	users   map[string]string
	logins  int
	wrong   int // sign-ins that were refused
	signups int
	tokens  int
	refuse  string           // chat's answer to any token, "" for none
	down    bool             // the auth server answers 503
	taken   bool             // every sign-up is refused with id_taken
	stuck   bool             // events are not stored
	away    bool             // the log server answers nothing of use
	waiting map[string]int64 // birth of the newest event that is not stored, by server
	stored  map[string]int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{users: map[string]string{}, waiting: map[string]int64{}, stored: map[string]int64{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/signup", w.signUp)
	mux.HandleFunc("POST /auth/login", w.login)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	w.auth = s.Listener.Addr().String()
	ops := httptest.NewServer(http.HandlerFunc(w.metrics))
	t.Cleanup(ops.Close)
	w.logdOps = ops.Listener.Addr().String()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	w.chat = ln.Addr().String()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go w.talk(conn)
		}
	}()
	return w
}

// with changes the world.
func (w *world) with(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func problem(rw http.ResponseWriter, status int, code string) {
	rw.Header().Set("Content-Type", "application/problem+json")
	rw.WriteHeader(status)
	_, _ = fmt.Fprintf(rw, `{"status":%d,"detail":"said %s","code":%q}`, status, code, code)
}

type user struct{ ID, Passwd, Email string }

func (w *world) signUp(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var u user
	if json.NewDecoder(r.Body).Decode(&u) != nil || u.Email == "" || len(u.ID) > 32 || len(u.Passwd) < 16 {
		problem(rw, 400, "malformed")
		return
	}
	if _, there := w.users[u.ID]; there || w.taken {
		problem(rw, 409, "id_taken")
		return
	}
	w.signups++
	w.users[u.ID] = u.Passwd
	_, _ = rw.Write([]byte(`{"message":"signup successful"}`))
}

func (w *world) login(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var u user
	if w.down {
		problem(rw, 503, "unavailable")
		return
	}
	if json.NewDecoder(r.Body).Decode(&u) != nil || w.users[u.ID] == "" || w.users[u.ID] != u.Passwd {
		w.wrong++
		problem(rw, 401, "wrong_credentials")
		return
	}
	w.logins++
	w.tokens++
	w.report("auth")
	_, _ = fmt.Fprintf(rw, `{"token":"aaa.bbb.%d.%s"}`, w.tokens, u.ID)
}

// report is an event on its way to the log server.
func (w *world) report(server string) {
	w.waiting[server] = time.Now().Unix()
	if !w.stuck {
		w.flow()
	}
}

func (w *world) flow() {
	w.stuck = false
	maps.Copy(w.stored, w.waiting)
}

// stop lets the log stand still, for a minute already.
func (w *world) stop() {
	w.stuck = true
	for server := range w.stored {
		w.stored[server] -= 60
	}
}

func (w *world) metrics(rw http.ResponseWriter, _ *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away {
		return
	}
	for _, server := range []string{"auth", "chat"} {
		_, _ = fmt.Fprintf(rw, "chatlab_logd_newest_timestamp_seconds{server=%q} %d\n", server, w.stored[server])
	}
}

func (w *world) talk(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	in := bufio.NewScanner(conn)
	if !in.Scan() {
		return
	}
	var hello wire.Hello
	_ = json.Unmarshal(in.Bytes(), &hello)
	w.mu.Lock()
	refuse := w.refuse
	w.mu.Unlock()
	name := hello.Token[strings.LastIndexByte(hello.Token, '.')+1:]
	if refuse != "" {
		_, _ = conn.Write(wire.AppendJSON(nil, wire.Refusal{Code: refuse, Text: "no"}))
		return
	}
	_, _ = conn.Write(wire.AppendJSON(nil, wire.Welcome{OK: true, User: name, Room: hello.Room, Seq: 1}))
	for in.Scan() {
		var line wire.Line
		_ = json.Unmarshal(in.Bytes(), &line)
		w.with(func() { w.report("chat") })
		other := wire.Message{Seq: 2, Time: time.Now(), Room: hello.Room, User: "other", Text: line.Text, ID: "other"}
		mine := wire.Message{Seq: 3, Time: time.Now(), Room: hello.Room, User: name, Text: line.Text, ID: line.ID}
		_, _ = conn.Write(wire.AppendMessage(wire.AppendMessage(nil, other), mine))
	}
}
