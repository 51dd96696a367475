package natslog_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"chatlab/src/chat"
	"chatlab/src/testkit"
)

func TestEveryMemberShowsAtOnceWhatAnotherStored(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	for i := range 120 {
		persist(t, r.logs[i%3], line(i))
		for k := range r.logs {
			tail, err := r.logs[k].Tail(t.Context(), "lobby", 2)
			if err != nil || len(tail) == 0 || tail[len(tail)-1].Text != fmt.Sprint("line ", i) {
				t.Fatalf("line %d, stored by member %d: the tail of member %d is %v, %v", i, i%3, k, texts(tail), err)
			}
		}
	}
}

func TestAReaderDoesNotChaseALogThatGrows(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	follow(t, r.logs[1]) // and the third does not
	leader := r.logs[r.leader()]
	ctx, cancel := context.WithCancel(t.Context())
	var many sync.WaitGroup
	defer many.Wait()
	defer cancel()
	for i := range 16 {
		many.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				leader.Publish(ctx, chat.Draft{Room: "lobby", User: fmt.Sprint("user", i), Text: fmt.Sprint(n)})
			}
		})
	}
	for range 5 {
		for i, log := range r.logs[1:] {
			before, err := log.Bounds(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got, err := log.Read(t.Context(), "lobby", before.Last, 1<<16)
			if err != nil {
				t.Fatalf("member %d: %v", i+1, err)
			}
			for k, m := range got {
				if want := before.Last + uint64(k) + 1; m.Seq != want {
					t.Fatalf("member %d: line %d where %d should be", i+1, m.Seq, want)
				}
			}
		}
	}
}

// What a member that stops was asked for is never answered.
func TestAReaderIsNotHeldUpByAnotherMemberThatStops(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	persist(t, r.logs[0], line(0))
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	defer readers.Wait()
	defer cancel()
	for i, log := range r.logs[:2] {
		for range 8 {
			readers.Go(func() {
				for ctx.Err() == nil {
					asked := time.Now()
					lines, err := log.Read(ctx, "lobby", 0, 1)
					if took := time.Since(asked); ctx.Err() == nil && (err != nil || len(lines) != 1 || took > 4*time.Second) {
						t.Errorf("member %d: %d lines, %v, after %s", i, len(lines), err, took)
						return
					}
				}
			})
		}
	}
	for range 5 {
		r.logs[2].HandOver()
		r.stop(2)
		r.start(2)
		testkit.Until(t, "it serves", func() bool { _, err := r.logs[2].Read(ctx, "lobby", 0, 1); return err == nil })
	}
}
