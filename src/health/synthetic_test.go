package health_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/health"
)

func (w *world) services() health.Services {
	return health.Services{Auth: []string{w.auth}, Chat: []string{w.chat}, Logd: []string{w.logdOps}, LogdOps: []string{w.logdOps}}
}

// ms runs a check that gives a number.
func ms(t *testing.T, c health.Check, params ...string) float64 {
	t.Helper()
	text, err := c.Run(t.Context(), params)
	if err != nil {
		t.Fatalf("%s: %v", c.Key(), err)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v < 0 {
		t.Fatalf("%s: %q", c.Key(), text)
	}
	return v
}

func TestAccountSignsUpOnceAndIsKept(t *testing.T) {
	w, dir := newWorld(t), filepath.Join(t.TempDir(), "healthd")
	ms(t, health.NewLogin(w.services(), health.NewAccount(dir, "Log Server!")))
	info, err := os.Stat(filepath.Join(dir, "account.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	var cred struct{ ID, Passwd string }
	data, _ := os.ReadFile(filepath.Join(dir, "account.json"))
	if err := json.Unmarshal(data, &cred); err != nil || !strings.HasPrefix(cred.ID, "healthd-logserver-") {
		t.Fatalf("%s, %v", data, err)
	}
	// Another process, the same folder: the same account.
	ms(t, health.NewLogin(w.services(), health.NewAccount(dir, "log")))
	if w.signups != 1 || w.logins != 2 || w.wrong != 0 {
		t.Errorf("%d sign-ups, %d sign-ins, %d with a wrong password", w.signups, w.logins, w.wrong)
	}
	// The users were purged: it signs up again, as the same.
	w.with(func() { clear(w.users) })
	ms(t, health.NewLogin(w.services(), health.NewAccount(dir, "log")))
	if w.signups != 2 || w.users[cred.ID] != cred.Passwd {
		t.Errorf("%d sign-ups", w.signups)
	}
}

// Many checks begin at once, of two processes: one account comes of it.
func TestAccountSignsUpOnceForManyAtOnce(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	var all sync.WaitGroup
	for range 4 {
		account := health.NewAccount(dir, "log")
		for range 4 {
			all.Go(func() {
				if _, err := health.NewLogin(w.services(), account).Run(t.Context(), nil); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	if w.signups != 1 || len(w.users) != 1 || w.wrong != 0 {
		t.Errorf("%d sign-ups, %d users, %d sign-ins with a wrong password", w.signups, len(w.users), w.wrong)
	}
}

// A file of an earlier version does not tell that the account has signed up.
func TestAccountOfAnEarlierVersionIsKept(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	w.users["healthd-log-1"] = "a secret of sixteen"
	path := filepath.Join(dir, "account.json")
	if err := os.WriteFile(path, []byte(`{"id":"healthd-log-1","passwd":"a secret of sixteen"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	root := os.Getuid() == 0
	if root {
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	ms(t, health.NewLogin(w.services(), health.NewAccount(dir, "log")))
	data, _ := os.ReadFile(path)
	if info, err := os.Stat(path); err != nil || root && info.Sys().(*syscall.Stat_t).Uid != nobody || info.Mode().Perm() != 0o600 {
		t.Errorf("another owner or mode: %v, %v", info, err)
	}
	if len(w.users) != 1 || w.wrong != 0 || !strings.Contains(string(data), `"joined":true`) {
		t.Errorf("%d users, %d sign-ins with a wrong password, the file: %s", len(w.users), w.wrong, data)
	}
}

func TestAccountTakesAnotherIDWhenItsOwnIsTaken(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	w.taken = true
	login := func() error {
		_, err := health.NewLogin(w.services(), health.NewAccount(dir, "log")).Run(t.Context(), nil)
		return err
	}
	if err := login(); !errs.Is(err, errs.Failed) {
		t.Fatal(err)
	}
	w.with(func() { w.taken = false })
	if err := login(); err != nil {
		t.Fatal(err)
	}
}

func TestSyntheticChecksSayWhyTheyFail(t *testing.T) {
	w := newWorld(t)
	account := health.NewAccount(t.TempDir(), "log")
	gone := health.Services{Auth: []string{dead(t)}, Chat: []string{dead(t)}}
	for want, check := range map[string]health.Check{
		"No data_dir is configured for the account of the checks.": health.NewLogin(w.services(), health.NewAccount("", "log")),
		"No address of auth is configured.":                        health.NewLogin(health.Services{}, account),
		"No address of chat is configured.":                        health.NewRoundtrip(health.Services{}, account),
		"No ops listener of logd is configured.":                   health.NewLag(gone, account),
		gone.Auth[0] + " does not answer.":                         health.NewLogin(gone, account),
	} {
		if v, err := check.Run(t.Context(), nil); err == nil || errs.Public(err) != want {
			t.Errorf("%s: %q, %v; want %q", check.Key(), v, err, want)
		}
	}
	w.with(func() { w.refuse = "unavailable" })
	_, err := health.NewRoundtrip(w.services(), account).Run(t.Context(), nil)
	if want := w.chat + " refuses: unavailable: no"; err == nil || errs.Public(err) != want {
		t.Errorf("%v, want %q", err, want)
	}
}

func TestRoundtripGoesOnWithoutTheAuthServer(t *testing.T) {
	w := newWorld(t)
	account := health.NewAccount(t.TempDir(), "log")
	ms(t, health.NewRoundtrip(w.services(), account))
	logins := w.logins
	without := w.services()
	without.Auth = []string{dead(t)}
	ms(t, health.NewRoundtrip(without, account), w.chat)
	if w.logins != logins {
		t.Errorf("it signed in again")
	}
	// A token that is refused is not used again.
	w.with(func() { w.refuse = "bad_token" })
	if _, err := health.NewRoundtrip(w.services(), account).Run(t.Context(), nil); !errs.Is(err, errs.BadToken) {
		t.Errorf("%v", err)
	}
	w.with(func() { w.refuse = "" })
	ms(t, health.NewRoundtrip(w.services(), account))
	if w.logins != logins+1 {
		t.Errorf("it did not sign in again")
	}
}

// The checks keep their results: asking often makes no work for others.
func TestDearResultsAreKept(t *testing.T) {
	w := newWorld(t)
	login := health.NewLogin(w.services(), health.NewAccount(t.TempDir(), "log"))
	first, err := login.Run(t.Context(), nil)
	for range 20 {
		if again, err := login.Run(t.Context(), nil); again != first || err != nil {
			t.Fatalf("%q, %v; first %q", again, err, first)
		}
	}
	if w.logins != 1 || err != nil {
		t.Errorf("%d sign-ins, %v", w.logins, err)
	}
}

func TestLagGrowsWhileTheLogStandsStill(t *testing.T) {
	w := newWorld(t)
	account := health.NewAccount(t.TempDir(), "log")
	// Each call is of a check of its own, as the result is kept for a while: the
	// probes on their way belong to the check.
	lag := health.UncachedLag(w.services(), account)
	run := func() float64 {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		text, err := lag.Run(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		v, _ := strconv.ParseFloat(text, 64)
		return v
	}
	if v := run(); v > 0.4 {
		t.Errorf("lag %g of a log that flows", v)
	}
	w.with(w.stop)
	first := run()
	if first <= 0 {
		t.Errorf("lag %g", first)
	}
	for run() <= first { // it is measured again, not sent again
		if t.Context().Err() != nil {
			t.Fatal("the lag does not grow")
		}
	}
	w.with(w.flow)
	if v := run(); v > 0.4 {
		t.Errorf("lag %g of a log that flows again", v)
	}
	gone := w.services() // a log server that is down has stored nothing
	gone.LogdOps = []string{dead(t)}
	lag = health.UncachedLag(gone, account)
	for first = run(); run() <= first; {
		if t.Context().Err() != nil {
			t.Fatal("the lag does not grow without a log server")
		}
	}
	lag = health.UncachedLag(w.services(), account)
	w.with(func() { w.away = true })
	want := w.logdOps + " has no metric chatlab_logd_newest_timestamp_seconds: is it another version?"
	if v, err := lag.Run(t.Context(), nil); err == nil || errs.Public(err) != want {
		t.Errorf("%q, %v", v, err)
	}
}

func TestLagOfOneServiceWhileTheOtherIsDown(t *testing.T) {
	w := newWorld(t)
	s := w.services()
	s.Chat = []string{dead(t)}
	lag := health.UncachedLag(s, health.NewAccount(t.TempDir(), "log"))
	for _, params := range [][]string{nil, {"auth"}} {
		if v, err := lag.Run(t.Context(), params); err != nil {
			t.Errorf("%v: %q, %v", params, v, err)
		}
	}
	if v, err := lag.Run(t.Context(), []string{"chat"}); err == nil {
		t.Errorf("chat: %q", v)
	}
	if _, err := lag.Run(t.Context(), []string{"mail"}); !errs.Is(err, errs.BadRequest) {
		t.Errorf("mail: %v", err)
	}
}
