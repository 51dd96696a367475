package auth

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/testkit"
)

func TestHashQueueIsBounded(t *testing.T) {
	p := newPool(1, 2)
	release := make(chan struct{})
	var all sync.WaitGroup
	results := make([]error, 3)
	for i := range results {
		all.Go(func() { results[i] = p.do(context.Background(), func() { <-release }) })
	}
	testkit.Until(t, "one slot taken, two waiting", func() bool { return len(p.slots) == 1 && p.waiting.Load() == 2 })
	err := p.do(context.Background(), func() { t.Error("a fourth ran") })
	if !errs.Is(err, errs.Unavailable) || errs.RetryAfterOf(err) <= 0 {
		t.Errorf("a fourth: %v", err)
	}
	close(release)
	all.Wait()
	for _, err := range results {
		if err != nil {
			t.Error(err)
		}
	}
	if err := p.do(context.Background(), func() {}); err != nil || p.waiting.Load() != 0 {
		t.Errorf("afterwards: %v, %d waiting", err, p.waiting.Load())
	}
}

func TestWaitForASlotEndsWithTheRequest(t *testing.T) {
	p := newPool(1, 2)
	p.slots <- struct{}{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.do(ctx, func() { t.Error("it ran") }) }()
	testkit.Until(t, "waiting", func() bool { return p.waiting.Load() == 1 })
	cancel()
	if err := <-done; !errs.Is(err, errs.Unavailable) {
		t.Error(err)
	}
}

func TestSlotsAreAtMostTheCores(t *testing.T) {
	cores := runtime.GOMAXPROCS(0)
	for asked, want := range map[int]int{0: cores, 1: 1, cores + 5: cores} {
		if got := cap(newPool(asked, 0).slots); got != want {
			t.Errorf("%d asked: %d slots, want %d", asked, got, want)
		}
	}
}

func TestManyGuessesAtOnceAreNoMoreThanInARow(t *testing.T) {
	limits := Limits{LoginFailures: 3, Lockout: time.Second, LockoutMax: time.Minute, Tracked: 10}
	for where, shared := range map[string]Failures{"in this process": nil, "in a database": newMemory(10)} {
		t.Run(where, func(t *testing.T) { guessAtOnce(t, newAccounts(limits, shared, slog.New(slog.DiscardHandler))) })
	}
}

func guessAtOnce(t *testing.T, a *accounts) {
	now := time.Unix(1_700_000_000, 0)
	begin := func(id string) (*attempt, error) { return a.begin(t.Context(), id, now) }
	end := func(try *attempt, how outcome) {
		t.Helper()
		if err := a.end(t.Context(), try, how, now); err != nil {
			t.Error(err)
		}
	}
	var admitted []*attempt
	for range 10 {
		if try, err := begin("kim"); err == nil {
			admitted = append(admitted, try)
		} else if !errs.Is(err, errs.RateLimited) || errs.RetryAfterOf(err) != time.Second {
			t.Errorf("one of many: %v", err)
		}
	}
	if len(admitted) != 3 {
		t.Errorf("%d guesses at once", len(admitted))
	}
	for _, try := range admitted {
		end(try, wrong)
	}
	if _, err := begin("kim"); !errs.Is(err, errs.RateLimited) {
		t.Errorf("a guess during the lock: %v", err)
	}
	now = now.Add(time.Second)
	try, err := begin("kim")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := begin("KIM"); !errs.Is(err, errs.RateLimited) {
		t.Errorf("a second guess after a lock: %v", err)
	}
	end(try, undecided)
	if try, err = begin("kim"); err != nil {
		t.Fatalf("an outage of ours counted: %v", err)
	}
	end(try, wrong)
	now = now.Add(2 * time.Minute)
	if try, err = begin("kim"); err != nil {
		t.Fatalf("failures are never forgotten: %v", err)
	}
	end(try, right)
	if len(a.flights) != 0 {
		t.Errorf("%d ids are still under way", len(a.flights))
	}
}

func TestLimitsRememberABoundedNumber(t *testing.T) {
	const tracked = 100
	now := time.Unix(1_700_000_000, 0)
	l := Limits{RequestsPerSecond: 1, RequestBurst: 1, LoginFailures: 1, Lockout: time.Minute, LockoutMax: time.Minute, Tracked: tracked}
	addr, acc := newAddresses(l), newAccounts(l, nil, slog.New(slog.DiscardHandler))
	for i := range 10 * tracked {
		_ = addr.take(fmt.Sprintf("127.0.%d.%d:1", i/250, i%250), now)
		if try, err := acc.begin(t.Context(), fmt.Sprint("kim", i), now); err == nil {
			_ = acc.end(t.Context(), try, wrong, now)
		}
	}
	seen := acc.failures.(*memory).seen
	for what, n := range map[string]int{
		"addresses": len(addr.seen.keys), "accounts": len(seen.keys),
		"addresses in order": addr.seen.order.Len(), "accounts in order": seen.order.Len(),
	} {
		if n != tracked {
			t.Errorf("%s: %d", what, n)
		}
	}
	if _, err := acc.begin(t.Context(), fmt.Sprint("kim", 10*tracked-1), now); err == nil {
		t.Error("the latest was forgotten")
	}
	if _, err := acc.begin(t.Context(), "kim0", now); err != nil {
		t.Errorf("the oldest was kept: %v", err)
	}
}

func TestNetworkOfAClient(t *testing.T) {
	for remote, want := range map[string]string{
		"127.0.0.1:5": "127.0.0.1/32", "[::ffff:127.0.0.1]:5": "127.0.0.1/32",
		"[2001:db8:1:2:3:4:5:6]:7": "2001:db8:1:2::/64", "[fe80::1%eth0]:7": "fe80::/64",
	} {
		if got := network(remote); got != netip.MustParsePrefix(want) {
			t.Errorf("%s is of %s, want %s", remote, got, want)
		}
	}
	if network("@") != (netip.Prefix{}) || network("") != (netip.Prefix{}) {
		t.Error("what is no address has a network of its own")
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
