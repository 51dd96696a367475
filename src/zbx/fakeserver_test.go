package zbx_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"chatlab/src/zbx"
)

// object is a JSON object of a request.
type object map[string]any

func (o object) values() []any {
	list, _ := o["data"].([]any)
	return list
}

// trapper is a Zabbix server's port 10051 as a test wants it.
type trapper struct {
	ln  net.Listener
	got chan object

	mu     sync.Mutex
	answer func(object) string
}

// newTrapper serves until the test ends. answer gives the answer's data; "" ends
// the connection without one.
func newTrapper(t *testing.T, answer func(object) string) *trapper {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &trapper{ln: ln, got: make(chan object, 1000), answer: answer}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		conns.Wait()
	})
	return s
}

func (s *trapper) addr() string { return s.ln.Addr().String() }

func (s *trapper) set(answer func(object) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *trapper) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	data, err := zbx.ReadFrame(conn, nil)
	if err != nil {
		return
	}
	var request object
	if json.Unmarshal(data, &request) != nil {
		return
	}
	s.mu.Lock()
	answer := s.answer(request)
	s.mu.Unlock()
	s.got <- request
	if answer != "" {
		_, _ = conn.Write(zbx.AppendFrame(nil, []byte(answer)))
	}
}

// next returns the next request of a kind.
func (s *trapper) next(t *testing.T, kind string) object {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case o := <-s.got:
			if o["request"] == kind {
				return o
			}
		case <-limit:
			t.Fatalf("no request %q came", kind)
		}
	}
}

// all is an answer that takes everything.
func all(o object) string { return counted(len(o.values()), 0) }

func counted(processed, failed int) string {
	return fmt.Sprintf(`{"response":"success","info":"processed: %d; failed: %d; total: %d; seconds spent: 0.000100"}`, processed, failed, processed+failed)
}

// manual returns a message of Zabbix's manual.
func manual(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "manual", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
