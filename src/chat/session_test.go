package chat_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/chat"
	"chatlab/src/errs"
	"chatlab/src/testkit"
	"chatlab/src/testkit/chattest"
	"chatlab/src/wire"
)

func TestPlainSessionIsTheSpecifications(t *testing.T) {
	s := newServer(t, nil)
	one, three := s.plain(t, "test1"), s.plain(t, "test3")
	one.send("dk")
	one.want("test1 : dk")
	three.want("test1 : dk")
	three.send("123123\r")
	one.want("test3 : 123123")
	three.want("test3 : 123123")
}

func TestEveryoneSeesEachLineOnceInOneOrder(t *testing.T) {
	s := newServer(t, nil)
	const users, each = 3, 300
	var peers []*peer
	for u := range users {
		p, _ := s.join(t, fmt.Sprint("user", u), nil)
		peers = append(peers, p)
	}
	plain := s.plain(t, "watcher")
	for u, p := range peers {
		go func() {
			for i := range each {
				p.say(fmt.Sprint(i), fmt.Sprint("line ", u, " ", i))
			}
		}()
	}
	var orders [][]uint64
	for _, p := range peers {
		var order []uint64
		for range users * each {
			m := p.message()
			order = append(order, m.Seq)
		}
		orders = append(orders, order)
	}
	for i, order := range orders {
		if !slices.IsSorted(order) || len(slices.Compact(slices.Clone(order))) != users*each || !slices.Equal(order, orders[0]) {
			t.Errorf("user %d: not each line once in order", i)
		}
	}
	seen := map[string]bool{}
	for range users * each {
		seen[plain.line()] = true
	}
	if len(seen) != users*each {
		t.Errorf("the plain session saw %d different lines", len(seen))
	}
}

func TestEchoIsTheReceipt(t *testing.T) {
	s := newServer(t, nil)
	p, w := s.join(t, "kim", nil)
	if w != (wire.Welcome{OK: true, User: "kim", Room: "lobby", Seq: 0, Epoch: s.log.Epoch()}) {
		t.Errorf("welcome = %+v", w)
	}
	before := time.Now().Add(-time.Second)
	p.say("abc-1", `say "hi" \ 한`)
	m := p.message()
	if m.Seq != 1 || m.Room != "lobby" || m.User != "kim" || m.Text != `say "hi" \ 한` || m.ID != "abc-1" || m.Time.Before(before) {
		t.Errorf("message = %+v", m)
	}
}

func TestARepeatIsStoredOnceAndAnsweredToItsSenderOnly(t *testing.T) {
	s := newServer(t, nil)
	p, _ := s.join(t, "kim", nil)
	other := s.plain(t, "lee")
	p.say("1", "hi")
	seq := p.message().Seq
	p.say("1", "hi")
	if in := p.next(); in.Stored == nil || *in.Stored != (wire.Stored{ID: "1", Seq: seq}) {
		t.Errorf("answer = %s", show(in))
	}
	p.say("2", "bye")
	p.message()
	other.want("kim : hi", "kim : bye")
}

func TestRoomsKeepTheirLinesApart(t *testing.T) {
	s := newServer(t, nil)
	kim, _ := s.joinRoom(t, "kim", "dev", nil)
	lee, _ := s.join(t, "lee", nil)
	lee.say("", "in the lobby")
	lee.message()
	kim.say("", "in dev")
	if m := kim.message(); m.Text != "in dev" || m.Room != "dev" {
		t.Errorf("kim got %+v", m)
	}
	lee.send(`{"cmd":"/join DEV"}`)
	if r := lee.reply(); r.Reply != "join" || r.Room != "dev" || r.Seq != 2 {
		t.Errorf("reply = %+v", r)
	}
	kim.say("", "welcome")
	if m := lee.message(); m.Text != "welcome" {
		t.Errorf("lee got %+v", m)
	}
}

func TestCommandsOfPlainMode(t *testing.T) {
	s := newServer(t, nil)
	p := s.plain(t, "kim")
	s.plain(t, "lee")
	p.send("one", "//two", "", " ", "/who", "/history 1", "/join dev", "/who", "/history", "/nonsense", "/join ../x", "/history x", "/join")
	p.want("kim : one", "kim : /two")
	p.want("* 2 in lobby: kim lee", "* kim : /two", "* 1 lines of lobby", "* you are in dev now",
		"* 1 in dev: kim", "* 0 lines of dev")
	for range 4 {
		if line := p.line(); !strings.HasPrefix(line, "error: bad_request: ") {
			t.Errorf("got %q", line)
		}
	}
	p.send("/help")
	if line := p.line(); !strings.HasPrefix(line, "* /join ROOM") {
		t.Errorf("help begins with %q", line)
	}
	for range 5 {
		p.line()
	}
	p.send("/quit")
	p.wantEnd()
}

func TestCommandsOfJSONMode(t *testing.T) {
	s := newServer(t, nil)
	p, _ := s.join(t, "kim", nil)
	s.plain(t, "lee")
	p.say("1", "/join is text here")
	p.message()
	p.send(`{"cmd":"/who"}`)
	if r := p.reply(); r.Reply != "who" || r.Count != 2 || !slices.Equal(r.Users, []string{"kim", "lee"}) {
		t.Errorf("who = %+v", r)
	}
	p.send(`{"cmd":"/history 5"}`)
	if r := p.reply(); r.Message == nil || r.Message.Text != "/join is text here" {
		t.Errorf("history = %+v", r)
	}
	if r := p.reply(); r.Message != nil || r.Count != 1 || r.Room != "lobby" {
		t.Errorf("history ends with %+v", r)
	}
	p.send(`{"cmd":"/help"}`)
	if r := p.reply(); r.Reply != "help" || r.Text == "" {
		t.Errorf("help = %+v", r)
	}
	p.send(`{"cmd":"/quit"}`)
	if r := p.reply(); r.Reply != "quit" {
		t.Errorf("quit = %+v", r)
	}
	p.wantEnd()
}

func TestASessionEndsWithItsToken(t *testing.T) {
	s := newServer(t, nil)
	p := s.dial(t)
	p.send(tokenFor(t, "kim", 1500*time.Millisecond))
	p.want("connected.")
	p.wantRefusal("token_expired")
	p.wantEnd()
}

func TestANewerTokenKeepsTheSession(t *testing.T) {
	s := newServer(t, nil)
	p := s.dial(t)
	raw := tokenFor(t, "kim", 1500*time.Millisecond)
	p.send(`{"token":"` + raw + `"}`)
	p.next()
	p.send(`{"cmd":"/token ` + tokenOf(t, "kim") + `"}`)
	if r := p.reply(); r.Reply != "token" || time.Until(*r.Expires) < 20*time.Minute {
		t.Fatalf("reply = %+v", r)
	}
	other := s.dial(t)
	other.send(raw)
	other.want("connected.")
	other.wantRefusal("token_expired") // by now the first would have ended, too
	p.say("", "still here")
	if m := p.message(); m.Text != "still here" {
		t.Errorf("message = %+v", m)
	}
}

func TestAnotherUsersTokenEndsTheSession(t *testing.T) {
	s := newServer(t, nil)
	p := s.plain(t, "kim")
	p.send("/token " + tokenOf(t, "lee"))
	p.wantRefusal("bad_token")
	p.wantEnd()
}

func TestShutdownIsSaidToEverySession(t *testing.T) {
	s := newServer(t, nil)
	plain := s.plain(t, "kim")
	json, _ := s.join(t, "lee", nil)
	silent := s.dial(t)
	testkit.Until(t, "all are connected", func() bool { return s.metric("connections") == 3 })
	s.stop()
	for _, p := range []*peer{plain, json, silent} {
		p.wantRefusal("shutdown")
		p.wantEnd()
	}
}

func TestALogThatIsAwayRefusesLinesAndComesBack(t *testing.T) {
	s := newServer(t, nil)
	p, _ := s.join(t, "kim", nil)
	s.log.SetDown(true)
	p.say("1", "hi")
	if r := p.wantRefusal("unavailable"); r.ID != "1" {
		t.Errorf("refusal = %+v", r)
	}
	s.log.SetDown(false)
	p.say("1", "hi")
	if m := p.message(); m.ID != "1" {
		t.Errorf("message = %+v", m)
	}
}

func TestSessionOfAPipeSeesItsOwnLastLine(t *testing.T) {
	s := newServer(t, nil)
	p := s.dial(t)
	p.send(tokenOf(t, "kim"), "hello")
	if _, err := io.WriteString(p.conn, "without an end"); err != nil {
		t.Fatal(err)
	}
	if err := p.conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	p.want("connected.", "kim : hello", "kim : without an end")
	p.wantEnd()
}

func TestRestartedServerContinuesTheNumbers(t *testing.T) {
	log := chattest.NewMemory()
	use := func(o *chat.Options) { o.Log = log }
	s := newServer(t, use)
	p, _ := s.join(t, "kim", nil)
	p.say("1", "one")
	last := p.message().Seq
	s.stop()
	s = newServer(t, use)
	p, w := s.join(t, "kim", &last)
	p.say("2", "two")
	if m := p.message(); w.Seq != 1 || m.Seq != 2 {
		t.Errorf("welcome %+v, message %+v", w, m)
	}
}

// lost is a log that does not answer.
type lost struct{ chat.Log }

func (lost) Bounds(context.Context) (chat.Bounds, error) {
	return chat.Bounds{}, errs.E(errs.Unavailable, "the log is away")
}

func TestAServerThatDoesNotKnowItsLogSaysSoAtOnce(t *testing.T) {
	s := newServer(t, func(o *chat.Options) { o.Log = lost{o.Log} })
	p := s.dial(t)
	begin := time.Now()
	p.send(tokenOf(t, "kim"))
	if got := p.line(); !strings.Contains(got, "unavailable") {
		t.Errorf("it says %q", got)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("after %s: another server could have been tried", took)
	}
}
