package natslog

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"chatlab/src/chat"
)

// A leader that is cut off answers nothing: it is given no more than one line at a
// time then, until there is an answer.
func TestNothingIsSentWhileNothingIsAnswered(t *testing.T) {
	p := &publisher{inbox: "inbox.", waiting: map[uint64]chan chat.Receipt{}}
	now := time.Now()
	p.register()
	second := p.register()
	if !p.free(now) {
		t.Error("two lines are on their way, and no third may be sent")
	}
	if p.free(now.Add(2 * stalledAfter)) {
		t.Error("nothing was answered, and more is sent")
	}
	for n := range p.waiting {
		p.forget(ticket{n: n})
	}
	if !p.free(now) {
		t.Error("nothing is on its way, and the leader is not tried again")
	}
	third := p.register()
	if p.free(now) {
		t.Error("a second line is sent before the first try is answered")
	}
	p.answered(&nats.Msg{Subject: "inbox.2", Data: []byte("late")})
	if p.free(now) {
		t.Error("an answer that is none counts")
	}
	p.answered(&nats.Msg{Subject: "inbox.3", Data: []byte(`{"stream":"chat","seq":7}`)})
	if got := <-third.ch; got.Seq != 7 || !p.free(now) {
		t.Errorf("answered %+v, then nothing may be sent", got)
	}
	if second.n != 2 || third.n != 3 {
		t.Errorf("tickets %d and %d", second.n, third.n)
	}
}
