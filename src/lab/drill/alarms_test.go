package drill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/watch"
	"chatlab/src/testkit"
)

// script is a server that finds one thing after the other; the last for good.
type script struct {
	mu    sync.Mutex
	steps [][]watch.Problem
	fault error
}

func (s *script) Firing(context.Context) ([]watch.Problem, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		return nil, s.fault
	}
	now := s.steps[0]
	if len(s.steps) > 1 {
		s.steps = s.steps[1:]
	}
	return now, nil
}

var (
	down  = watch.Problem{Host: "auth services", Trigger: "MariaDB is down"}
	other = watch.Problem{Host: "chat services", Trigger: "Chat is slow"}
	again = watch.Problem{Host: "auth services", Trigger: "authd was started again"}
)

func TestTheAlarmsOfADrillAreJudged(t *testing.T) {
	is := func(p ...watch.Problem) []watch.Problem { return p }
	for name, tt := range map[string]struct {
		alarms *script
		broken string
	}{
		"right":             {&script{steps: [][]watch.Problem{is(), is(down), is(down, again), is()}}, ""},
		"none":              {&script{steps: [][]watch.Problem{is()}}, `did not raise "auth services: MariaDB is down"`},
		"another too":       {&script{steps: [][]watch.Problem{is(down), is(down, other), is()}}, "raised chat services: Chat is slow, which is not this fault's"},
		"never over":        {&script{steps: [][]watch.Problem{is(down)}}, `still "auth services: MariaDB is down"`},
		"cannot be reached": {&script{fault: errors.New("refused")}, "cannot be asked: refused"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVigil(tt.alarms, expected{must: is(down), allowed: is(again)}, patience{time.Millisecond, 200 * time.Millisecond, 200 * time.Millisecond})
			ctx, cancel := context.WithCancel(t.Context())
			var kept sync.WaitGroup
			kept.Go(func() { v.keep(ctx) })
			r := reportOf(func(*Report) {})
			v.end(t.Context(), r)
			cancel()
			kept.Wait()
			if got := strings.Join(r.Broken, "; "); (got == "") != (tt.broken == "") || !strings.Contains(got, tt.broken) {
				t.Errorf("%q", got)
			}
			if name == "right" && (len(r.Alarms) != 2 || !r.Alarms[0].Must || r.Alarms[1].Must) {
				t.Errorf("%+v", r.Alarms)
			}
		})
	}
}

func TestAFaultIsHeldUntilItsHostsAlarmsAreRaised(t *testing.T) {
	agent := watch.Problem{Host: "auth", Trigger: "The agent does not answer"}
	v := newVigil(&script{steps: [][]watch.Problem{{agent}, {agent}, {agent, down}}}, expected{must: []watch.Problem{agent, down, other}}, patience{poll: time.Millisecond})
	r := &run{vigil: v, opt: Options{Alarms: v.alarms}}
	for look, want := range []bool{false, false, true} {
		v.look(t.Context())
		if got := v.paid(alarmHosts("auth")); got != want {
			t.Errorf("after look %d: %t", look, got)
		}
		if r.shown() || v.paid(alarmHosts("chat")) {
			t.Error("what the chat server must raise was not raised")
		}
	}
	began := time.Now()
	r.hold(t.Context(), fault{hold: time.Hour, shows: alarmHosts("auth")})
	if took := time.Since(began); took > time.Minute {
		t.Errorf("held for %s after its alarms", took)
	}
	if r.mustShow(alarmHosts("log")) {
		t.Error("nothing is to be raised there")
	}
	r.vigil = newVigil(v.alarms, expected{}, usual)
	if r.shown() {
		t.Error("a drill that must raise nothing is over at once")
	}
}

func TestClientsThatWaitAreCounted(t *testing.T) {
	now := time.Now()
	c := &crew{chats: []*chatter{{}, {}, {}}}
	c.chats[0].gap.asked(now.Add(-time.Minute))
	c.chats[1].gap.asked(now.Add(-unserved / 2))
	c.chats[2].gap.asked(now.Add(-time.Minute))
	c.chats[2].gap.served(now)
	if n := c.waiting(); n != 1 {
		t.Errorf("%d clients wait, it is one", n)
	}
	if got, from := c.chats[2].gap.most(now); got != time.Minute || !from.Equal(now.Add(-time.Minute)) {
		t.Errorf("longest gap %s", got)
	}
}

func TestADrillDoesNotBeginWhileSomethingFires(t *testing.T) {
	short := patience{poll: time.Millisecond, clear: 200 * time.Millisecond}
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	err := calm(t.Context(), &script{steps: [][]watch.Problem{{down}}}, short, say)
	if !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), down.String()) {
		t.Error(err)
	}
	if len(said) != 1 || !strings.Contains(said[0], down.String()) {
		t.Errorf("while it waits it says %q", said)
	}
	long := patience{poll: time.Millisecond, clear: testkit.Patience}
	if err := calm(t.Context(), &script{steps: [][]watch.Problem{{again}, {again}, {}}}, long, say); err != nil {
		t.Errorf("what is over holds the drill up: %v", err)
	}
}

func TestWhatADrillRaisesFollowsFromTheInventory(t *testing.T) {
	inv := localInventory(t)
	l := &lab.Lab{Inventory: inv, Target: &recorder{}}
	for _, d := range Catalogue() {
		if d.alarms == nil {
			continue
		}
		for _, p := range d.alarms(l).must {
			if _, ok := inv.Node(strings.TrimSuffix(p.Host, " services")); !ok {
				t.Errorf("%s: no such host: %s", d.Name, p)
			}
		}
	}
	if got := raises("chatd", "x")(l).must; len(got) != 1 || got[0] != (watch.Problem{Host: "chat services", Trigger: "x"}) {
		t.Errorf("%v", got)
	}
}
