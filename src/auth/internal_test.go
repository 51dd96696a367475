package auth

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"chatlab/src/errs"
)

func TestHashQueueIsBounded(t *testing.T) {
	p := newPool(1, 2)
	release := make(chan struct{})
	var all sync.WaitGroup
	results := make([]error, 3)
	for i := range results {
		all.Go(func() { results[i] = p.do(context.Background(), func() { <-release }) })
	}
	wait(t, "one slot taken, two waiting", func() bool { return len(p.slots) == 1 && p.waiting.Load() == 2 })
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
	wait(t, "waiting", func() bool { return p.waiting.Load() == 1 })
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

func wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !cond(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

func TestManyGuessesAtOnceAreNoMoreThanInARow(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	a := newAccounts(Limits{LoginFailures: 3, Lockout: time.Second, LockoutMax: time.Minute, Tracked: 10})
	admitted := 0
	for range 10 {
		if a.begin("kim", now) == nil {
			admitted++
		}
	}
	if admitted != 3 {
		t.Errorf("%d guesses at once", admitted)
	}
	for range admitted {
		a.end("kim", wrong, now)
	}
	now = now.Add(time.Second)
	if err := a.begin("kim", now); err != nil {
		t.Fatal(err)
	}
	if err := a.begin("KIM", now); !errs.Is(err, errs.RateLimited) {
		t.Errorf("a second guess after a lock: %v", err)
	}
	a.end("kim", undecided, now)
	if err := a.begin("kim", now); err != nil {
		t.Errorf("an outage of ours counted: %v", err)
	}
	a.end("kim", wrong, now)
	if err := a.begin("kim", now.Add(2*time.Minute)); err != nil {
		t.Errorf("failures are never forgotten: %v", err)
	}
}

func TestLimitsRememberABoundedNumber(t *testing.T) {
	const tracked = 100
	now := time.Unix(1_700_000_000, 0)
	l := Limits{RequestsPerSecond: 1, RequestBurst: 1, LoginFailures: 1, Lockout: time.Minute, LockoutMax: time.Minute, Tracked: tracked}
	addr, acc := newAddresses(l), newAccounts(l)
	for i := range 10 * tracked {
		_ = addr.take(fmt.Sprintf("127.0.%d.%d:1", i/250, i%250), now)
		if acc.begin(fmt.Sprint("kim", i), now) == nil {
			acc.end(fmt.Sprint("kim", i), wrong, now)
		}
	}
	for what, n := range map[string]int{
		"addresses": len(addr.seen.keys), "accounts": len(acc.seen.keys),
		"addresses in order": addr.seen.order.Len(), "accounts in order": acc.seen.order.Len(),
	} {
		if n != tracked {
			t.Errorf("%s: %d", what, n)
		}
	}
	if err := acc.begin(fmt.Sprint("kim", 10*tracked-1), now); err == nil {
		t.Error("the latest was forgotten")
	}
	if err := acc.begin("kim0", now); err != nil {
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
