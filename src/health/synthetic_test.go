package health_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
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

const (
	login     = "chatlab.auth.login"
	roundTrip = "chatlab.chat.roundtrip"
)

// checks makes the checks of the world, with an account in a folder.
func (w *world) checks(t *testing.T, dir string) *health.Checks {
	t.Helper()
	return checks(t, health.Config{Node: "log", DataDir: dir, Services: w.services()})
}

// ms asks for a number.
func ms(t *testing.T, c *health.Checks, key string) {
	t.Helper()
	text, err := c.Value(t.Context(), key)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	if v, err := strconv.ParseFloat(text, 64); err != nil || v < 0 {
		t.Fatalf("%s: %q", key, text)
	}
}

// unkept returns the function of a check: it keeps no results.
func unkept(t *testing.T, c *health.Checks, key string) func(context.Context, []string) (string, error) {
	t.Helper()
	i := slices.IndexFunc(c.All(), func(check health.Check) bool { return check.Key == key })
	if i < 0 {
		t.Fatalf("no check %s", key)
	}
	return c.All()[i].Run
}

func TestAccountSignsUpOnceAndIsKept(t *testing.T) {
	w, dir := newWorld(t), filepath.Join(t.TempDir(), "healthd")
	ms(t, checks(t, health.Config{Node: "Log Server!", DataDir: dir, Services: w.services()}), login)
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
	ms(t, w.checks(t, dir), login)
	if w.signups != 1 || w.logins != 2 || w.wrong != 0 {
		t.Errorf("%d sign-ups, %d sign-ins, %d with a wrong password", w.signups, w.logins, w.wrong)
	}
	// The users were purged: it signs up again, as the same.
	w.with(func() { clear(w.users) })
	ms(t, w.checks(t, dir), login)
	if w.signups != 2 || w.users[cred.ID] != cred.Passwd {
		t.Errorf("%d sign-ups", w.signups)
	}
}

// Many checks begin at once, of two processes: one account comes of it.
func TestAccountSignsUpOnceForManyAtOnce(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	var all sync.WaitGroup
	for range 4 {
		signIn := unkept(t, w.checks(t, dir), login)
		for range 4 {
			all.Go(func() {
				if _, err := signIn(t.Context(), nil); err != nil {
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
	ms(t, w.checks(t, dir), login)
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
	signIn := func() error {
		_, err := w.checks(t, dir).Value(t.Context(), login)
		return err
	}
	if err := signIn(); !errs.Is(err, errs.Failed) {
		t.Fatal(err)
	}
	w.with(func() { w.taken = false })
	if err := signIn(); err != nil {
		t.Fatal(err)
	}
}

func TestSyntheticChecksSayWhyTheyFail(t *testing.T) {
	w := newWorld(t)
	gone := health.Services{Auth: []string{dead(t)}, Chat: []string{dead(t)}}
	for want, ask := range map[string]struct {
		cfg health.Config
		key string
	}{
		"No data_dir is configured for the account of the checks.":       {health.Config{Services: w.services()}, login},
		"No address of auth is configured.":                              {health.Config{DataDir: t.TempDir()}, login},
		"No address of chat is configured.":                              {health.Config{DataDir: t.TempDir()}, roundTrip},
		"No ops listener of logd is configured.":                         {health.Config{DataDir: t.TempDir(), Services: gone}, "chatlab.events.lag"},
		"the auth server at http://" + gone.Auth[0] + " does not answer": {health.Config{DataDir: t.TempDir(), Services: gone}, login},
	} {
		if v, err := checks(t, ask.cfg).Value(t.Context(), ask.key); err == nil || errs.Public(err) != want {
			t.Errorf("%s: %q, %v; want %q", ask.key, v, err, want)
		}
	}
	w.with(func() { w.refuse = "unavailable" })
	_, err := w.checks(t, t.TempDir()).Value(t.Context(), roundTrip)
	if want := w.chat + " refuses: unavailable: no"; err == nil || errs.Public(err) != want {
		t.Errorf("%v, want %q", err, want)
	}
}

func TestRoundtripGoesOnWithoutTheAuthServer(t *testing.T) {
	w := newWorld(t)
	say := unkept(t, w.checks(t, t.TempDir()), roundTrip)
	run := func() error {
		_, err := say(t.Context(), nil)
		return err
	}
	if err := run(); err != nil {
		t.Fatal(err)
	}
	logins := w.logins
	w.with(func() { w.down = true })
	if err := run(); err != nil || w.logins != logins {
		t.Errorf("without the auth server: %v, %d sign-ins", err, w.logins-logins)
	}
	w.with(func() { w.down = false })
	// A token that is refused is not used again.
	w.with(func() { w.refuse = "bad_token" })
	if err := run(); !errs.Is(err, errs.BadToken) {
		t.Errorf("%v", err)
	}
	w.with(func() { w.refuse = "" })
	if err := run(); err != nil || w.logins != logins+1 {
		t.Errorf("it did not sign in again: %v, %d sign-ins", err, w.logins-logins)
	}
}

// The checks keep their results: asking often makes no work for others.
func TestDearResultsAreKept(t *testing.T) {
	w := newWorld(t)
	c := w.checks(t, t.TempDir())
	first, err := c.Value(t.Context(), login)
	for range 20 {
		if again, err := c.Value(t.Context(), login); again != first || err != nil {
			t.Fatalf("%q, %v; first %q", again, err, first)
		}
	}
	if w.logins != 1 || err != nil {
		t.Errorf("%d sign-ins, %v", w.logins, err)
	}
}

func TestLagGrowsWhileTheLogStandsStill(t *testing.T) {
	w := newWorld(t)
	const key = "chatlab.events.lag"
	dir := t.TempDir()
	lag := unkept(t, w.checks(t, dir), key)
	run := func() float64 {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		text, err := lag(ctx, nil)
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
	lag = unkept(t, checks(t, health.Config{DataDir: dir, Services: gone}), key)
	for first = run(); run() <= first; {
		if t.Context().Err() != nil {
			t.Fatal("the lag does not grow without a log server")
		}
	}
	lag = unkept(t, w.checks(t, dir), key)
	w.with(func() { w.away = true })
	want := w.logdOps + " has no metric chatlab_logd_newest_timestamp_seconds: is it another version?"
	if v, err := lag(t.Context(), nil); err == nil || errs.Public(err) != want {
		t.Errorf("%q, %v", v, err)
	}
}

func TestLagOfOneServiceWhileTheOtherIsDown(t *testing.T) {
	w := newWorld(t)
	s := w.services()
	s.Chat = []string{dead(t)}
	lag := unkept(t, checks(t, health.Config{DataDir: t.TempDir(), Services: s}), "chatlab.events.lag")
	for _, params := range [][]string{nil, {"auth"}} {
		if v, err := lag(t.Context(), params); err != nil {
			t.Errorf("%v: %q, %v", params, v, err)
		}
	}
	if v, err := lag(t.Context(), []string{"chat"}); err == nil {
		t.Errorf("chat: %q", v)
	}
	if _, err := lag(t.Context(), []string{"mail"}); !errs.Is(err, errs.BadRequest) {
		t.Errorf("mail: %v", err)
	}
}
