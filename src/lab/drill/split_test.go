package drill

import (
	"context"
	"strings"
	"testing"
	"time"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

// crewOf is a crew that has not signed up anywhere.
func crewOf(t *testing.T, opt Options, pinned bool) *crew {
	t.Helper()
	inv, err := inventory.Load("../../../ansible/inventories/ha")
	if err != nil {
		t.Fatal(err)
	}
	r := &run{id: "d1", lab: &lab.Lab{Inventory: inv}, opt: opt, ledger: newLedger(), pinned: pinned}
	r.crew = &crew{r: r, rooms: make([]string, opt.rooms())}
	return r.crew
}

func TestEachSideOfASplitHasClients(t *testing.T) {
	for _, users := range []int{32, 300} {
		c := crewOf(t, Options{Users: users}, true)
		byPin, perRoom := map[string]int{}, map[int]int{}
		for n := range users {
			m, servers := c.newChatter(n)
			byPin[m.pin]++
			perRoom[m.room]++
			if want := 3; m.pin == "" && len(servers) != want {
				t.Errorf("user %d knows %v", n, servers)
			}
			if node, ok := c.r.lab.Inventory.Node(m.pin); m.pin != "" && (!ok || len(servers) != 1 || servers[0] != c.r.lab.Inventory.Address(inventory.Chatd, node)) {
				t.Errorf("user %d is pinned to %s and knows %v", n, m.pin, servers)
			}
		}
		for _, node := range c.r.lab.Inventory.Nodes {
			if byPin[node.Name] < users/20 {
				t.Errorf("%d users, of whom on %s alone %d", users, node.Name, byPin[node.Name])
			}
		}
		for room := range c.rooms {
			if n := perRoom[room]; n < 2 || n > 32 {
				t.Errorf("%d users: %d in room %d", users, n, room)
			}
		}
	}
}

func TestWithoutASplitEveryClientKnowsAllServers(t *testing.T) {
	c := crewOf(t, Options{Users: 32}, false)
	first := map[string]int{}
	for n := range 32 {
		m, servers := c.newChatter(n)
		if m.pin != "" || len(servers) != 3 {
			t.Errorf("user %d: pinned to %q, knows %v", n, m.pin, servers)
		}
		first[servers[0]]++
	}
	if len(first) != 3 {
		t.Errorf("they begin with %v", first)
	}
}

func TestRoomsBoundWhatEachReads(t *testing.T) {
	for _, is := range []struct{ users, asked, want int }{{2, 0, 1}, {32, 0, 1}, {33, 0, 2}, {300, 0, 10}, {300, 3, 3}, {4, 9, 4}} {
		if got := (Options{Users: is.users, Rooms: is.asked}).rooms(); got != is.want {
			t.Errorf("%d users, --rooms %d: %d rooms, want %d", is.users, is.asked, got, is.want)
		}
	}
}

func TestWhatIsAskedOfACutOffServerIsTold(t *testing.T) {
	began := time.Now()
	strict := began.Add(time.Second)
	away, slow := errs.E(errs.Unavailable, "away"), errs.E(errs.RateLimited, "slow down")
	var c cutOff
	c.done(began) // nothing is cut off yet
	c.begin(began, strict)
	c.done(began.Add(-time.Second)) // asked before
	c.done(strict.Add(-1))          // within what is granted
	if taken, codes := c.end(); taken != 0 || len(codes) != 0 {
		t.Errorf("%d taken, %v", taken, codes)
	}
	c.begin(began, strict)
	c.done(strict)
	c.answered(began, away)
	c.answered(strict, away)
	c.answered(strict, slow)
	taken, codes := c.end()
	if taken != 1 || codes[errs.Unavailable] != 2 || codes[errs.RateLimited] != 1 {
		t.Errorf("%d taken, %v", taken, codes)
	}
	c.done(strict) // healed
	if taken, _ := c.end(); taken != 1 {
		t.Errorf("%d taken after the heal", taken)
	}
}

func TestARefusedLineIsCountedThoughItIsSentAgain(t *testing.T) {
	before := client.Stats{Refused: map[errs.Code]int{errs.Unavailable: 3, errs.RateLimited: 1}}
	now := client.Stats{Refused: map[errs.Code]int{errs.Unavailable: 5, errs.RateLimited: 1}}
	if got := byCode(refusedSince(before, now)); got != "2 unavailable" {
		t.Errorf("%q", got)
	}
}

func TestAMinorityMustRefuse(t *testing.T) {
	good := func() Minority {
		return Minority{Node: "chat", Clients: 2, Signers: 1, Silent: 1,
			Lines: map[errs.Code]int{errs.Unavailable: 7, errs.RateLimited: 1}, SignIns: map[errs.Code]int{errs.Unavailable: 4}}
	}
	for name, tt := range map[string]struct {
		change func(*Minority)
		told   string
	}{
		"as it should be":    {func(*Minority) {}, ""},
		"took a line":        {func(m *Minority) { m.Taken = 1 }, "chat was cut off and took 1 lines"},
		"nobody was told":    {func(m *Minority) { m.Lines = nil }, "none of its 2 users of the chat was told unavailable"},
		"no sign-in refused": {func(m *Minority) { m.SignIns = nil }, "none of its 1 users who sign in was told unavailable"},
		"another code":       {func(m *Minority) { m.SignIns[errs.WrongCredentials] = 1 }, "told users who sign in wrong_credentials"},
		"nobody was there":   {func(m *Minority) { m.Clients, m.Lines = 0, nil }, "none of its 0 users of the chat"},
	} {
		m := good()
		tt.change(&m)
		r := reportOf(func(r *Report) { r.minority(m) })
		r.finish(nil)
		if text := strings.Join(r.Broken, "\n"); r.OK != (tt.told == "") || !strings.Contains(text, tt.told) {
			t.Errorf("%s: ok %v, %q", name, r.OK, text)
		}
	}
}

func TestOnlyTheMinoritysClientsAreExcused(t *testing.T) {
	c := crewOf(t, Options{Users: 3}, true)
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	for _, pin := range []string{"log", "chat", ""} {
		c.chats = append(c.chats, &chatter{pin: pin})
		c.signers = append(c.signers, &signer{pin: pin})
	}
	m := c.expectCut("log")
	if len(m.chats) != 1 || len(m.signers) != 1 || m.chats[0].pin != "log" || m.signers[0].pin != "log" {
		t.Fatalf("%+v", m)
	}
	cut := c.chats[0]
	cut.gap.asked(ago(time.Minute))
	if n := c.waiting(); n != 1 {
		t.Errorf("%d wait, of 1: who is excused waits all the same", n)
	}
	cut.gap.served(time.Now())
	m.served()
	if got, _ := c.gaps(c.r.lab); got.Chat != 0 {
		t.Errorf("the excused gap counts: %s", got.Chat)
	}
	c.chats[1].gap.asked(ago(time.Minute))
	c.signers[1].gap.asked(ago(time.Minute))
	if _, broken := c.gaps(c.r.lab); len(broken) != 2 {
		t.Errorf("%q", broken)
	}
	c.chats[1].gap.served(time.Now())
	cut.gap.asked(ago(time.Minute))
	cut.gap.served(time.Now())
	if got, _ := c.gaps(c.r.lab); got.Chat < Seconds(time.Minute) {
		t.Errorf("after the heal no gap counts: %s", got.Chat)
	}
}

func TestAPlannedStopMayTakeASecond(t *testing.T) {
	for planned, want := range map[bool]int{true: 1, false: 0} {
		c := crewOf(t, Options{Users: 1}, false)
		c.r.planned = planned
		c.chats = []*chatter{{}}
		c.chats[0].gap.asked(time.Now().Add(-2 * time.Second))
		if _, broken := c.gaps(c.r.lab); len(broken) != want {
			t.Errorf("planned %v: %q", planned, broken)
		}
	}
}

func TestAnInterruptionEndsWhatOutlastsTheDrill(t *testing.T) {
	caller, interrupt := context.WithCancel(t.Context())
	r := &run{caller: caller}
	drill, end := context.WithCancel(caller)
	ctx, cancel := r.outlasting(time.Hour)
	defer cancel()
	end()
	if drill.Err() == nil || ctx.Err() != nil {
		t.Error("it ended with the drill's time")
	}
	interrupt()
	if ctx.Err() == nil {
		t.Error("it goes on after the interruption")
	}
}
