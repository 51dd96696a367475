package zbx_test

import (
	"context"
	"encoding/json"
	"net"
	"reflect"
	"testing"
	"time"

	"chatlab/src/zbx"
)

// The manual's passive checks of 7.0, in both directions: our server answers
// its request as its agent does, our client sends its request and understands
// its answer.
func TestPassiveChecksOfTheManual(t *testing.T) {
	list, err := zbx.ParseAllow([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	handle := func(_ context.Context, key string) (string, error) {
		return map[string]string{"agent.ping": "1", "agent.version": "7.0.0"}[key], nil
	}
	addr := run(t, handle, zbx.Options{Allow: list})
	for _, one := range []struct{ request, answer string }{
		{"passive-request.json", "passive-answer.json"}, {"passive-request-ping.json", "passive-answer-ping.json"},
	} {
		t.Run(one.request, func(t *testing.T) {
			got := raw(t, addr, zbx.AppendFrame(nil, []byte(manual(t, one.request))))
			if len(got) < 13 || !sameJSON(t, got[13:], manual(t, one.answer)) {
				t.Errorf("server: %q, want %s", got, manual(t, one.answer))
			}
			peer := answering(t, manual(t, one.answer))
			key := map[bool]string{true: "agent.ping", false: "agent.version"}[one.request == "passive-request-ping.json"]
			value, err := zbx.GetJSON(t.Context(), peer.addr, key, 3*time.Second)
			want, _ := handle(t.Context(), key)
			if value != want || err != nil {
				t.Errorf("client: %q, %v", value, err)
			}
			if asked := <-peer.asked; !sameJSON(t, asked, manual(t, one.request)) {
				t.Errorf("client asked %s, want %s", asked, manual(t, one.request))
			}
		})
	}
}

// sameJSON compares documents; a number is its text, as the manual writes the
// same value both ways.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatalf("%v in %q", err, a)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatalf("%v in %q", err, b)
	}
	return reflect.DeepEqual(texts(x), texts(y))
}

func texts(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = texts(v[k])
		}
	case []any:
		for i := range v {
			v[i] = texts(v[i])
		}
	case float64:
		data, _ := json.Marshal(v)
		return string(data)
	}
	return v
}

type onePeer struct {
	addr  string
	asked chan string
}

// answering is an agent that answers anything with one text.
func answering(t *testing.T, text string) onePeer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	p := onePeer{ln.Addr().String(), make(chan string, 1)}
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		data, _ := zbx.ReadFrame(conn, nil)
		p.asked <- string(data)
		_, _ = conn.Write(zbx.AppendFrame(nil, []byte(text)))
	}()
	return p
}
