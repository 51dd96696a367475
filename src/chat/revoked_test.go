package chat_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"chatlab/src/chat"
	"chatlab/src/errs"
	"chatlab/src/testkit"
	"chatlab/src/token"
)

// auths are auth servers that tell whose tokens have ended, unless they are away.
type auths struct {
	mu    sync.Mutex
	ended token.Ended
	away  bool
	asked int
}

func (a *auths) fetch(context.Context) (token.Ended, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	if a.away {
		return nil, errs.E(errs.Unavailable, "away")
	}
	return maps.Clone(a.ended), nil
}

func (a *auths) end(user string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended.Add(user, time.Now().Add(time.Second))
}

func (a *auths) goAway() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.away = true
}

func (a *auths) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// endsWithin wants the session's end, soon.
func (p *peer) endsWithin(limit time.Duration, code string) {
	p.t.Helper()
	begin := time.Now()
	p.wantRefusal(code)
	p.wantEnd()
	if took := time.Since(begin); took > limit {
		p.t.Errorf("the session ended after %s", took)
	}
}

func TestSessionsEndWithTheirTokensAndStayEnded(t *testing.T) {
	a := &auths{ended: token.Ended{}}
	file := filepath.Join(t.TempDir(), "ended.json")
	use := func(o *chat.Options) { o.Revocations = chat.Revocations{Fetch: a.fetch, File: file} }
	s := newServer(t, use)
	old := tokenOf(t, "Kim")
	json, plain := s.dial(t), s.dial(t)
	json.send(`{"token":"` + old + `"}`)
	json.next()
	plain.send(old)
	plain.want("connected.")
	lee := s.plain(t, "lee")
	a.end("kim")
	json.endsWithin(2*time.Second, "token_revoked")
	plain.endsWithin(2*time.Second, "token_revoked")
	lee.send("still here")
	lee.want("lee : still here")

	refused := func(s *server) {
		t.Helper()
		p := s.dial(t)
		p.send(old)
		p.endsWithin(2*time.Second, "token_revoked")
		raw, _, err := ring.Issue("kim", time.Now().Add(time.Second)) // as authd issues it right after
		if err != nil {
			t.Fatal(err)
		}
		p = s.dial(t)
		p.send(raw)
		p.want("connected.")
		p.send("/token " + old)
		p.endsWithin(2*time.Second, "token_revoked")
	}
	refused(s)
	a.goAway()
	asked := a.count()
	testkit.Until(t, "the auth server is missed", func() bool { return a.count() > asked+1 })
	lee.send("here without it")
	lee.want("lee : here without it") // nobody is signed out
	refused(s)
	s.stop()
	refused(newServer(t, use)) // the list outlives the server
}

func TestADamagedListIsNoList(t *testing.T) {
	a := &auths{ended: token.Ended{}, away: true}
	file := filepath.Join(t.TempDir(), "ended.json")
	if err := os.WriteFile(file, []byte(`{"at":`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, func(o *chat.Options) { o.Revocations = chat.Revocations{Fetch: a.fetch, File: file} })
	s.plain(t, "kim")
	if age := s.metric("ended_tokens_age_seconds"); age != -1 {
		t.Errorf("age of no list: %v", age)
	}
}

func TestSessionsEndWithTheirKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwt.key")
	write := func(lines ...string) {
		t.Helper()
		text := ""
		for _, l := range lines {
			text += l
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first, second := token.NewKeyLine(), token.NewKeyLine()
	write(first)
	keys, err := token.OpenRing(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, func(o *chat.Options) { o.Tokens = keys })
	issue := func() string {
		t.Helper()
		raw, _, err := keys.Issue("kim", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	old := s.dial(t)
	old.send(issue())
	old.want("connected.")
	before := issue()
	write(second, first)
	testkit.Until(t, "the new key signs", func() bool {
		raw := issue()
		_, err := token.NewRing(parse(t, first)...).Verify(raw, time.Now())
		return err != nil
	})
	fresh := s.dial(t)
	fresh.send(issue())
	fresh.want("connected.")
	old.send("still here")
	old.want("kim : still here")
	fresh.want("kim : still here")
	write(second)
	old.endsWithin(3*time.Second, "bad_token")
	late := s.dial(t)
	late.send(before)
	late.wantRefusal("bad_token")
	fresh.send("here")
	fresh.want("kim : here")
	write("") // an emptied file revokes nothing, and is told
	testkit.Until(t, "the fault is known", func() bool { return keys.Fault() != nil })
	fresh.send("here too")
	fresh.want("kim : here too")
}

func parse(t *testing.T, text string) [][]byte {
	t.Helper()
	keys, err := token.ParseKeys([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
