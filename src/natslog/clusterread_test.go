package natslog_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"chatlab/src/chat"
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
