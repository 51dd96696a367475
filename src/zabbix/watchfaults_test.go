package zabbix

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"chatlab/src/testkit/mariadbtest"
	"chatlab/src/zbx"
)

// shows waits until these problems are there, and no others.
func (w *watch) shows(t *testing.T, what string, want ...string) {
	t.Helper()
	w.eventually(t, what, func() string { return unlike(want, w.problems(t)) })
}

// hung: the machine's own problem says where, that of all says what it means.
func (w *watch) hung(t *testing.T, lab *lab) {
	began := time.Now().Unix()
	chatd := lab.find(t, "chatd", "chat").PID
	if err := syscall.Kill(chatd, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	resume := func() { _ = syscall.Kill(chatd, syscall.SIGCONT) }
	t.Cleanup(resume)
	want := []string{"Chat server is down", "Redundancy lost: 2 of 3 chat servers answer"}
	w.shows(t, "the problems appear", want...)
	w.claimsNothing(t)
	resume()
	w.shows(t, "the problems end")
	if got := unlike(want, w.raised(t, began)); got != "" {
		t.Errorf("in all: %s", got)
	}
}

// wrongClock is an agent whose machine's clock can be set; it has another answer all
// the rest.
type wrongClock struct {
	Addr string
	off  atomic.Int64 // seconds
}

func atClock(t *testing.T, agent string) *wrongClock {
	t.Helper()
	c := &wrongClock{}
	allow, err := zbx.ParseAllow([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	server, err := zbx.Listen("127.0.0.1:0", func(ctx context.Context, key string) (string, error) {
		if key == "system.localtime" {
			return strconv.FormatInt(time.Now().Unix()+c.off.Load(), 10), nil
		}
		return zbx.Get(ctx, agent, key)
	}, zbx.Options{Allow: allow})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	c.Addr = server.Addr()
	return c
}

// clocks: seconds are one problem, minutes another, and neither both.
func (w *watch) clocks(t *testing.T, clock *wrongClock) {
	for _, c := range []struct {
		off  int64
		want string
	}{{20, "The clock is wrong"}, {600, clockFarOff}, {-600, clockFarOff}} {
		clock.off.Store(c.off)
		w.shows(t, c.want, c.want)
		clock.off.Store(0)
		w.shows(t, "the clock is right")
	}
}

var backAgain = regexp.MustCompile(`^Redundancy lost: [12] of 3 members of the database cluster are there$`)

// databases: of those that are left one speaks for all; the last one left says that it
// is alone.
func (w *watch) databases(t *testing.T, c mariadbtest.Cluster) {
	c[2].Kill(t)
	w.shows(t, "one member lacks", "Redundancy lost: 2 of 3 members of the database cluster are there")
	c[1].Kill(t)
	w.shows(t, "one member is left", NoQuorum)
	c.Reunite(t, 0, 1)
	// A problem keeps the numbers that it began with, which may be those of the moment
	// when the first member served alone.
	w.eventually(t, "the larger part is back", func() string {
		got := w.problems(t)
		if len(got) == 1 && backAgain.MatchString(got[0]) {
			return ""
		}
		return fmt.Sprintf("%q, want one that matches %s", got, backAgain)
	})
}
