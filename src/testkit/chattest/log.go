// Package chattest is the contract that every chat.Log keeps, as tests.
package chattest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"chatlab/src/chat"
	"chatlab/src/testkit"
	"chatlab/src/wire"
)

// Log runs the contract suite. open returns an empty log that ends with the
// test.
func Log(t *testing.T, open func(t *testing.T) chat.Log) {
	for name, test := range map[string]func(*testing.T, context.Context, chat.Log){
		"an empty log has no lines":                     emptyLog,
		"lines are numbered and read in order":          readInOrder,
		"read gives a page after a number":              readPages,
		"tail gives the last lines of a room":           tail,
		"tail finds the few lines of a quiet room":      tailOfQuietRoom,
		"a repeat is stored once":                       repeat,
		"the same id of another user is another line":   sameIDOtherUser,
		"a line without id is never a repeat":           noID,
		"every byte of a line comes back":               oddText,
		"follow gives past and new lines once in order": follow,
		"follow ends with its function's error":         followFails,
		"many publish at once":                          parallel,
		"lines published together keep their order":     together,
		"a cancelled call fails":                        cancelled,
		"a reader goes on in its epoch and no other":    inEpoch,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
			defer cancel()
			test(t, ctx, open(t))
		})
	}
}

func publish(t *testing.T, ctx context.Context, log chat.Log, d chat.Draft) uint64 {
	t.Helper()
	r := log.Publish(ctx, d)
	if len(r) != 1 || r[0].Err != nil {
		t.Fatalf("publish %+v: %+v", d, r)
	}
	return r[0].Seq
}

func texts(lines []wire.Message) []string {
	out := []string{}
	for _, m := range lines {
		out = append(out, m.Text)
	}
	return out
}

func emptyLog(t *testing.T, ctx context.Context, log chat.Log) {
	b, err := log.Bounds(ctx)
	if err != nil || b.First != 1 || b.Last != 0 {
		t.Errorf("bounds = %+v, %v", b, err)
	}
	for name, read := range map[string]func() ([]wire.Message, error){
		"read": func() ([]wire.Message, error) { return log.Read(ctx, "lobby", 0, 10) },
		"tail": func() ([]wire.Message, error) { return log.Tail(ctx, "lobby", 10) },
	} {
		if lines, err := read(); err != nil || len(lines) != 0 {
			t.Errorf("%s = %v, %v", name, lines, err)
		}
	}
}

func readInOrder(t *testing.T, ctx context.Context, log chat.Log) {
	before := time.Now().Add(-time.Minute)
	for i := range uint64(10) {
		room := []string{"lobby", "dev"}[i%2]
		if seq := publish(t, ctx, log, chat.Draft{Room: room, User: "kim", Text: fmt.Sprint(i), ID: fmt.Sprint(i)}); seq != i+1 {
			t.Fatalf("seq = %d, want %d", seq, i+1)
		}
	}
	lines, err := log.Read(ctx, "dev", 0, 100)
	if err != nil || !slices.Equal(texts(lines), []string{"1", "3", "5", "7", "9"}) {
		t.Fatalf("lines = %v, %v", lines, err)
	}
	m := lines[2]
	if m.Seq != 6 || m.Room != "dev" || m.User != "kim" || m.ID != "5" || m.Time.Before(before) || time.Now().Before(m.Time) {
		t.Errorf("line = %+v", m)
	}
	if b, err := log.Bounds(ctx); err != nil || b != (chat.Bounds{First: 1, Last: 10}) {
		t.Errorf("bounds = %+v, %v", b, err)
	}
}

func readPages(t *testing.T, ctx context.Context, log chat.Log) {
	for i := range 7 {
		publish(t, ctx, log, chat.Draft{Room: "lobby", User: "kim", Text: fmt.Sprint(i)})
	}
	for after, want := range map[uint64][]string{0: {"0", "1", "2"}, 3: {"3", "4", "5"}, 6: {"6"}, 7: {}, 99: {}} {
		if lines, err := log.Read(ctx, "lobby", after, 3); err != nil || !slices.Equal(texts(lines), want) {
			t.Errorf("after %d: %v, %v; want %v", after, texts(lines), err, want)
		}
	}
}

func tail(t *testing.T, ctx context.Context, log chat.Log) {
	for i := range 600 {
		publish(t, ctx, log, chat.Draft{Room: []string{"lobby", "dev"}[i%2], User: "kim", Text: fmt.Sprint(i)})
	}
	if lines, err := log.Tail(ctx, "lobby", 3); err != nil || !slices.Equal(texts(lines), []string{"594", "596", "598"}) {
		t.Errorf("last 3: %v, %v", texts(lines), err)
	}
	if lines, err := log.Tail(ctx, "lobby", 1000); err != nil || len(lines) != 300 || lines[0].Text != "0" {
		t.Errorf("all: %d lines, %v", len(lines), err)
	}
	if lines, err := log.Tail(ctx, "void", 3); err != nil || len(lines) != 0 {
		t.Errorf("of a room that nobody used: %v, %v", lines, err)
	}
}

func tailOfQuietRoom(t *testing.T, ctx context.Context, log chat.Log) {
	publish(t, ctx, log, chat.Draft{Room: "dev", User: "kim", Text: "first"})
	for i := range 300 {
		publish(t, ctx, log, chat.Draft{Room: "lobby", User: "kim", Text: fmt.Sprint(i)})
	}
	if lines, err := log.Tail(ctx, "dev", 5); err != nil || !slices.Equal(texts(lines), []string{"first"}) {
		t.Errorf("lines = %v, %v", texts(lines), err)
	}
}

func repeat(t *testing.T, ctx context.Context, log chat.Log) {
	d := chat.Draft{Room: "lobby", User: "kim", Text: "hi", ID: "a-1"}
	seq := publish(t, ctx, log, d)
	publish(t, ctx, log, chat.Draft{Room: "lobby", User: "kim", Text: "other", ID: "a-2"})
	d2 := chat.Draft{Room: "lobby", User: "kim", Text: "third", ID: "a-3"}
	r := log.Publish(ctx, d, d2, d2)
	want := []chat.Receipt{{Seq: seq, Repeat: true}, {Seq: seq + 2}, {Seq: seq + 2, Repeat: true}}
	if !slices.Equal(r, want) {
		t.Errorf("receipts = %+v, want %+v", r, want)
	}
	if lines, err := log.Read(ctx, "lobby", 0, 10); err != nil || len(lines) != 3 {
		t.Errorf("lines = %v, %v", texts(lines), err)
	}
}

func sameIDOtherUser(t *testing.T, ctx context.Context, log chat.Log) {
	publish(t, ctx, log, chat.Draft{Room: "lobby", User: "kim", Text: "hi", ID: "1"})
	publish(t, ctx, log, chat.Draft{Room: "lobby", User: "lee", Text: "hi", ID: "1"})
}

func noID(t *testing.T, ctx context.Context, log chat.Log) {
	for range 2 {
		publish(t, ctx, log, chat.Draft{Room: "lobby", User: "kim", Text: "hi"})
	}
}

func oddText(t *testing.T, ctx context.Context, log chat.Log) {
	want := []string{" ", `{"a":"b\n"}`, "한국어 \U0001f600", "a : b", "MSG chat.x 5"}
	for _, text := range want {
		publish(t, ctx, log, chat.Draft{Room: "lobby", User: "kim", Text: text, ID: "~!\"{}/" + fmt.Sprint(len(text))})
	}
	if lines, err := log.Read(ctx, "lobby", 0, 10); err != nil || !slices.Equal(texts(lines), want) {
		t.Errorf("lines = %q, %v", texts(lines), err)
	}
}

var errEnough = errors.New("enough")

func follow(t *testing.T, ctx context.Context, log chat.Log) {
	const past, all = 500, 1500
	add := func(i int) error {
		return log.Publish(ctx, chat.Draft{Room: []string{"lobby", "dev"}[i%2], User: "kim", Text: fmt.Sprint(i + 1)})[0].Err
	}
	for i := range past {
		if err := add(i); err != nil {
			t.Fatal(err)
		}
	}
	added := make(chan error, 1)
	go func() {
		for i := past; i < all; i++ {
			if err := add(i); err != nil {
				added <- err
				return
			}
		}
		added <- nil
	}()
	next := uint64(101)
	err := log.Follow(ctx, next-1, func(batch []wire.Message) error {
		for _, m := range batch {
			if m.Seq != next || m.Text != fmt.Sprint(next) {
				return fmt.Errorf("line %d %q comes where %d is due", m.Seq, m.Text, next)
			}
			next++
		}
		if next > all {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Error(err)
	}
	if err := <-added; err != nil {
		t.Error(err)
	}
}

func followFails(t *testing.T, ctx context.Context, log chat.Log) {
	publish(t, ctx, log, chat.Draft{Room: "lobby", User: "kim", Text: "hi"})
	if err := log.Follow(ctx, 0, func([]wire.Message) error { return errEnough }); !errors.Is(err, errEnough) {
		t.Errorf("follow = %v", err)
	}
}

func parallel(t *testing.T, ctx context.Context, log chat.Log) {
	const users, each = 8, 100
	var mu sync.Mutex
	seen := map[uint64]bool{}
	var group sync.WaitGroup
	for u := range users {
		group.Go(func() {
			last := uint64(0)
			for i := range each {
				r := log.Publish(ctx, chat.Draft{Room: "lobby", User: fmt.Sprint("u", u), Text: "x", ID: fmt.Sprint(i)})[0]
				mu.Lock()
				if r.Err != nil || r.Seq <= last || seen[r.Seq] {
					t.Errorf("user %d line %d: %+v", u, i, r)
				}
				last = r.Seq
				seen[r.Seq] = true
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if b, err := log.Bounds(ctx); err != nil || b.Last != users*each {
		t.Errorf("bounds = %+v, %v", b, err)
	}
}

func together(t *testing.T, ctx context.Context, log chat.Log) {
	var drafts []chat.Draft
	for i := range 100 {
		drafts = append(drafts, chat.Draft{Room: "lobby", User: "kim", Text: fmt.Sprint(i), ID: fmt.Sprint(i)})
	}
	for i, r := range log.Publish(ctx, drafts...) {
		if r != (chat.Receipt{Seq: uint64(i) + 1}) {
			t.Fatalf("receipt %d = %+v", i, r)
		}
	}
	lines, err := log.Read(ctx, "lobby", 0, 100)
	if err != nil || len(lines) != 100 || lines[42].Text != "42" {
		t.Errorf("%d lines, %v", len(lines), err)
	}
	if r := log.Publish(ctx); len(r) != 0 {
		t.Errorf("receipts of nothing: %+v", r)
	}
}

func inEpoch(t *testing.T, ctx context.Context, log chat.Log) {
	publish(t, ctx, log, chat.Draft{Room: "lobby", User: "kim", Text: "hi"})
	current := log.Epoch()
	if current == "" {
		t.Error("the current epoch has no id")
	}
	if after, known, err := log.After(ctx, current, 1); after != 1 || !known || err != nil {
		t.Errorf("in the current epoch: after %d, known %t, %v", after, known, err)
	}
	if _, known, err := log.After(ctx, "of another log", 1); known || err != nil {
		t.Errorf("in another log's epoch: known %t, %v", known, err)
	}
}

func cancelled(t *testing.T, ctx context.Context, log chat.Log) {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if err := log.Follow(ctx, 0, func([]wire.Message) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("follow = %v", err)
	}
	if r := log.Publish(ctx, chat.Draft{Room: "lobby", User: "kim", Text: "x"}); len(r) != 1 || r[0].Err == nil {
		t.Errorf("publish = %+v", r)
	}
	if _, err := log.Read(ctx, "lobby", 0, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("read = %v", err)
	}
}
