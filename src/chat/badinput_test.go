package chat_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"chatlab/src/chat"
	"chatlab/src/testkit"
	"chatlab/src/token"
)

// stillServes shows that the next user is served.
func stillServes(t *testing.T, s *server) {
	t.Helper()
	p := s.plain(t, "next")
	p.send("are you there")
	for p.line() != "next : are you there" {
	}
}

func TestBadFirstLines(t *testing.T) {
	s := newServer(t, nil)
	good := tokenOf(t, "kim")
	foreign, _, _ := token.NewRing([]byte(strings.Repeat("x", 32))).Issue("kim", time.Now())
	odd := tokenOf(t, "kim : \x1b[2J")
	for name, tt := range map[string]struct{ line, code string }{
		"empty":             {"", "bad_token"},
		"text":              {"hello there", "bad_token"},
		"cut token":         {good[:len(good)-3], "bad_token"},
		"foreign key":       {foreign, "bad_token"},
		"odd user":          {odd, "bad_token"},
		"expired":           {tokenFor(t, "kim", -time.Minute), "token_expired"},
		"in leeway":         {tokenFor(t, "kim", -2*time.Second), "token_expired"},
		"no token":          {`{"room":"dev"}`, "bad_token"},
		"unknown key":       {`{"token":"` + good + `","x":"y"}`, "bad_request"},
		"key twice":         {`{"token":"` + good + `","token":"` + good + `"}`, "bad_request"},
		"token is a number": {`{"token":5}`, "bad_request"},
		"bad room":          {`{"token":"` + good + `","room":"a.b"}`, "bad_request"},
		"bad resume":        {`{"token":"` + good + `","resume":-1}`, "bad_request"},
		"half an object":    {`{"token":"` + good, "bad_request"},
		"not UTF-8":         {"{\"token\":\"\xff\"}", "bad_utf8"},
		"NUL":               {"\x00", "bad_token"},
		"HTTP":              {"GET / HTTP/1.1", "bad_token"},
		"too long":          {strings.Repeat("a", 5000), "too_long"},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.dial(t)
			p.send(tt.line)
			p.wantRefusal(tt.code)
			p.wantEnd()
		})
	}
	stillServes(t, s)
}

func TestSilence(t *testing.T) {
	s := newServer(t, func(o *chat.Options) {
		o.Limits.FirstLine = 100 * time.Millisecond
		o.Limits.HalfLine = 100 * time.Millisecond
	})
	for name, start := range map[string]func(*peer){
		"no first line":     func(*peer) {},
		"half a first line": func(p *peer) { _, _ = io.WriteString(p.conn, "half") },
		"half a line later": func(p *peer) {
			p.send(tokenOf(t, "kim"))
			p.want("connected.")
			_, _ = io.WriteString(p.conn, "half")
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.dial(t)
			start(p)
			p.wantRefusal("timeout")
			p.wantEnd()
		})
	}
	stillServes(t, s)
}

func TestTenMebibytesWithoutLF(t *testing.T) {
	s := newServer(t, nil)
	p := s.plain(t, "kim")
	wrote := make(chan error, 1)
	go func() {
		_, err := p.conn.Write([]byte(strings.Repeat("x", 10<<20) + "\n"))
		wrote <- err
	}()
	p.wantRefusal("too_long")
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	p.send("short")
	p.want("kim : short")

	first := s.dial(t)
	go func() { _, _ = first.conn.Write([]byte(strings.Repeat("x", 10<<20))) }()
	first.wantRefusal("too_long")
	stillServes(t, s)
}

func TestALineMayHaveExactly4096Bytes(t *testing.T) {
	s := newServer(t, nil)
	p := s.plain(t, "kim")
	line := strings.Repeat("y", 4096)
	p.send(line)
	p.want("kim : " + line)
	p.send(line + "y")
	p.wantRefusal("too_long")
	p.send("on")
	p.want("kim : on")
}

func TestEscapesReachNobody(t *testing.T) {
	s := newServer(t, nil)
	p, other := s.plain(t, "kim"), s.plain(t, "lee")
	p.send("\x1b[2Ja\x07b\x7fc\u009b31md\u202ee\u2066f\tg\rh\x00i\u2028j")
	other.want("kim : [2Jabc31mdef g hi j")
	json, _ := s.join(t, "kim", nil)
	json.send(`{"text":"\u001b]0;x\u0007 a\nb\u0000"}`)
	other.want("kim : ]0;x a b")
}

func TestBadLinesAreRefusedAndTheSessionGoesOn(t *testing.T) {
	s := newServer(t, nil)
	p, _ := s.join(t, "kim", nil)
	for _, tt := range []struct{ line, code, id string }{
		{"hello", "bad_request", ""},
		{`{}`, "bad_request", ""},
		{`[]`, "bad_request", ""},
		{`{"text":""}`, "bad_request", ""},
		{`{"text":"\u001b"}`, "bad_request", ""},
		{`{"id":"1","text":5}`, "bad_request", "1"},
		{`{"id":"1","text":"a","x":1}`, "bad_request", "1"},
		{`{"id":"1","text":"a"} x`, "bad_request", "1"},
		{`{"id":"","text":"a"}`, "bad_request", ""},
		{`{"id":"a b","text":"a"}`, "bad_request", ""},
		{`{"id":"1","cmd":"/who"}`, "bad_request", "1"},
		{`{"cmd":"who"}`, "bad_request", ""},
		{`{"cmd":"/rm -rf"}`, "bad_request", ""},
		{"{\"text\":\"\xff\"}", "bad_utf8", ""},
		{`{"text":"\ud800"}`, "bad_utf8", ""},
		{`{"id":"9","text":"` + strings.Repeat("z", 4096) + `"}`, "too_long", ""},
	} {
		p.send(tt.line)
		if r := p.wantRefusal(tt.code); r.ID != tt.id {
			t.Errorf("%s: refusal has id %q", tt.line, r.ID)
		}
	}
	p.say("ok", "fine")
	if m := p.message(); m.ID != "ok" {
		t.Errorf("message = %+v", m)
	}
	plain := s.plain(t, "lee")
	plain.send("a\xffb")
	plain.wantRefusal("bad_utf8")
}

func TestABurstIsLimitedForAllConnectionsOfAUser(t *testing.T) {
	s := newServer(t, func(o *chat.Options) { o.Limits.Rate, o.Limits.Burst = 0.001, 100 })
	p, _ := s.join(t, "kim", nil)
	other, _ := s.join(t, "kim", nil)
	p.send(strings.TrimSuffix(strings.Repeat("{\"id\":\"i\",\"text\":\"x\"}\n", 1000), "\n"))
	limited := 0
	for range 1000 {
		if in := p.next(); in.Refusal != nil {
			if in.Refusal.Code != "rate_limited" || in.Refusal.ID != "i" || in.Refusal.RetryMS <= 0 {
				t.Fatalf("refusal = %+v", in.Refusal)
			}
			limited++
		}
	}
	if limited != 900 {
		t.Errorf("%d of 1000 lines were refused, want 900", limited)
	}
	other.say("1", "x")
	for {
		if in := other.next(); in.Refusal != nil && in.Refusal.Code == "rate_limited" {
			break
		}
	}
	lee, _ := s.join(t, "lee", nil)
	lee.say("1", "another user is not limited")
	lee.message()
}

func TestConnectionsOfAnAddressAreLimited(t *testing.T) {
	s := newServer(t, func(o *chat.Options) { o.Limits.PerAddress = 2 })
	a, _ := s.plain(t, "kim"), s.plain(t, "lee")
	p := s.dial(t)
	p.wantRefusal("rate_limited")
	p.wantEnd()
	_ = a.conn.Close()
	testkit.Until(t, "a place is free", func() bool { return s.metric("connections") == 1 })
	stillServes(t, s)
}

func TestASlowReaderIsCutAndTheOthersGoOn(t *testing.T) {
	s := newServer(t, nil)
	slow := s.dial(t)
	_ = slow.conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	slow.send(tokenOf(t, "slow"))
	slow.want("connected.")
	fast := s.plain(t, "fast")
	text := strings.Repeat("z", 4000)
	sent := 0
	// Lines go on, one seen before the next, until the slow one is cut.
	testkit.Until(t, "the slow reader is cut", func() bool {
		for range 50 {
			fast.send(text)
			fast.want("fast : " + text)
			sent++
		}
		return s.metric("slow_consumers_total") == 1 && s.metric("sessions") == 1
	})
	if sent*len(text) < chat.MaxBehind {
		t.Errorf("cut after %d bytes", sent*len(text))
	}
	whole := 0
	for {
		line, err := slow.in.ReadString('\n')
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || isReset(err) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if line != "fast : "+text+"\n" && !strings.HasPrefix(line, "error: slow_consumer: ") {
			t.Fatalf("a line is torn: %.40q…", line)
		}
		whole++
	}
	if whole >= sent {
		t.Errorf("the slow reader got %d of %d lines", whole, sent)
	}
	stillServes(t, s)
}

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}
