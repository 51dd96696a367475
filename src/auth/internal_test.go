package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/testkit"
)

var (
	near = netip.MustParsePrefix("192.0.2.1/32")
	far  = netip.MustParsePrefix("198.51.100.7/32")
)

func waits(t *testing.T, q *queue, n int) {
	t.Helper()
	testkit.Until(t, fmt.Sprint(n, " wait"), func() bool { _, waiting := q.load(); return waiting == n })
}

func TestNetworksTakeTurns(t *testing.T) {
	q := newQueue(1, 10, 100, time.Minute)
	if err := q.enter(t.Context(), near); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	in := make(chan netip.Prefix, 20)
	for i := range 12 {
		from := near
		if i >= 10 {
			from = far // comes after all of the other
		}
		all.Go(func() {
			if err := q.enter(t.Context(), from); err != nil {
				t.Error(err)
			}
			in <- from
			q.leave()
		})
		waits(t, q, i+1)
	}
	q.leave()
	all.Wait()
	close(in)
	var order []netip.Prefix
	for from := range in {
		order = append(order, from)
	}
	if order[1] != far || order[3] != far {
		t.Errorf("the order is %v", order)
	}
	if busy, waiting := q.load(); busy != 0 || waiting != 0 || len(q.lines) != 0 || len(q.turns) != 0 {
		t.Errorf("%d are in, %d wait, lines %v, turns %v", busy, waiting, q.lines, q.turns)
	}
}

func TestQueueIsBounded(t *testing.T) {
	q := newQueue(1, 3, 4, time.Minute)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(q.enter(t.Context(), near))
	results := make(chan error, 10)
	join := func(from netip.Prefix, waiting int) {
		t.Helper()
		go func() {
			err := q.enter(t.Context(), from)
			results <- err
			if err == nil {
				q.leave()
			}
		}()
		waits(t, q, waiting)
	}
	for i := range 3 {
		join(near, i+1)
	}
	if err := q.enter(t.Context(), near); !errs.Is(err, errs.RateLimited) || errs.RetryAfterOf(err) <= 0 {
		t.Errorf("a fourth of one network: %v", err)
	}
	join(far, 4)
	join(far, 4) // and the longest line loses one
	if err := <-results; !errs.Is(err, errs.Unavailable) || errs.RetryAfterOf(err) <= 0 {
		t.Errorf("the last of the longest line: %v", err)
	}
	if err := q.enter(t.Context(), far); !errs.Is(err, errs.Unavailable) {
		t.Errorf("one of lines that are equal: %v", err)
	}
	q.leave()
	for range 4 {
		must(<-results)
	}
	testkit.Until(t, "all are gone", func() bool { busy, _ := q.load(); return busy == 0 })
}

func TestWaitIsBoundedAndEndsWithTheRequest(t *testing.T) {
	q := newQueue(1, 2, 2, 50*time.Millisecond)
	if err := q.enter(t.Context(), near); err != nil {
		t.Fatal(err)
	}
	if err := q.enter(t.Context(), far); !errs.Is(err, errs.Unavailable) || errs.RetryAfterOf(err) <= 0 {
		t.Errorf("after the longest wait: %v", err)
	}
	q.longest = time.Minute
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- q.enter(ctx, near) }()
	waits(t, q, 1)
	cancel()
	if err := <-done; !errs.Is(err, errs.Unavailable) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	q.leave()
	if busy, waiting := q.load(); busy != 0 || waiting != 0 || len(q.turns) != 0 {
		t.Errorf("%d are in, %d wait, turns %v", busy, waiting, q.turns)
	}
}

func TestLinesOfIDsAreForgotten(t *testing.T) {
	l := &lines{longest: time.Minute, of: map[string]*queue{}, users: map[*queue]int{}}
	for _, id := range []string{"kim", "KIM", "lee"} {
		leave, err := l.enter(t.Context(), id, peerOf("192.0.2.1:5"))
		if err != nil {
			t.Fatal(err)
		}
		leave()
	}
	if len(l.of) != 0 || len(l.users) != 0 {
		t.Errorf("%d ids are kept", len(l.of))
	}
}

func TestBudgetsOfAnAddress(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	a := newAddresses(Limits{RequestsPerSecond: 1, RequestBurst: 5, SignInsPerSecond: 0.5, SignInBurst: 2, FailuresPerMinute: 6, FailureBurst: 3, Tracked: 10})
	for k, burst := range map[kind]int{request: 5, signing: 2} {
		for i := range burst + 2 {
			err := a.take(near, k, now)
			if late := i >= burst; late != errs.Is(err, errs.RateLimited) {
				t.Errorf("kind %d, request %d: %v", k, i, err)
			}
		}
		if err := a.take(far, k, now); err != nil {
			t.Errorf("another network: %v", err)
		}
	}
	if err := a.take(near, signing, now); errs.RetryAfterOf(err) != 2*time.Second {
		t.Errorf("retry after %s", errs.RetryAfterOf(err))
	}
	for i := range 3 {
		if err := a.mayFail(near, now); err != nil {
			t.Errorf("failure %d: %v", i, err)
		}
		a.failed(near, now)
	}
	if err := a.mayFail(near, now); !errs.Is(err, errs.RateLimited) || errs.RetryAfterOf(err) != 10*time.Second {
		t.Errorf("too many failures: %v, retry after %s", err, errs.RetryAfterOf(err))
	}
	if err := a.mayFail(far, now); err != nil {
		t.Errorf("another network: %v", err)
	}
	if err := a.mayFail(near, now.Add(10*time.Second)); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	for i := range 100 {
		_ = a.take(netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 32), request, now)
	}
	if n := a.seen.Len(); n != 10 {
		t.Errorf("%d addresses are remembered", n)
	}
}

func TestPHCString(t *testing.T) {
	p := Params{MemoryKiB: 64, Passes: 2, Lanes: 2}
	text := Hash("secret", p)
	if !strings.HasPrefix(text, "$argon2id$v=19$m=64,t=2,p=2$") {
		t.Errorf("hash is %s", text)
	}
	h, err := parsePHC(text)
	if err != nil || !h.current(p) || h.String() != text {
		t.Fatalf("%s: %+v, %v", text, h, err)
	}
	if !h.matches("secret") || h.matches("Secret") || h.matches("secret\x00") || h.matches("") {
		t.Error("the wrong passwords match")
	}
	if again := Hash("secret", p); again == text {
		t.Error("two hashes have one salt")
	}
	// The reference implementation's: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1
	known, err := parsePHC("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	if err != nil || !known.matches("password") {
		t.Errorf("the reference's hash: %v", err)
	}
}

func TestPHCThatIsRefused(t *testing.T) {
	good := "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5"
	if _, err := parsePHC(good); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"argon2id", "argon2i"}, {"v=19", "v=16"}, {"m=64", "m=7"}, {"m=64", "m=1048577"}, {"m=64", "m=99999999999"}, {"m=64", "m=-64"},
		{"t=1", "t=0"}, {"t=1", "t=17"}, {"p=1", "p=0"}, {"p=1", "p=17"}, {"m=64,t=1", "t=1,m=64"}, {",p=1", ""}, {",p=1", ",p=1,q=1"},
		{"c2FsdHNhbHQ", "c2Fs"}, {"c2FsdHNhbHQ", "c2FsdHNhbH!"}, {"$a2V5a2V5a2V5a2V5a2V5a2V5", ""}, {"$a2V5", "$$a2V5"}, {good, ""},
	} {
		if h, err := parsePHC(strings.Replace(good, change[0], change[1], 1)); err == nil {
			t.Errorf("%s for %s: %+v", change[1], change[0], h)
		}
	}
}
