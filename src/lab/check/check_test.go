package check

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestEveryCheckPassesOnALabThatWorks(t *testing.T) {
	rep := newFake(t).run(t)
	for _, r := range rep.Results {
		if r.Result != OK {
			t.Errorf("%s: %s %s: expected %s, seen %s", r.Result, r.Name, r.Reason, r.Expected, r.Seen)
		}
	}
	if rep.Total < 60 {
		t.Errorf("only %d checks", rep.Total)
	}
}

func TestABusyAuthServerIsAskedAgain(t *testing.T) {
	if err := newFake(t, "busy once").run(t, "auth").Err(); err != nil {
		t.Error(err)
	}
}

// faults says, for each fault of the fake lab, a check that must fail and a
// part of what it shows: expected and seen.
var faults = map[string]struct{ name, expected, seen string }{
	// The auth server.
	"busy":           {"auth.signup", "status 2xx", "status 429"},
	"auth down":      {"net.public.auth", "answering", "connection refused"},
	"text/html":      {"auth.health", `content type "application/json"`, "text/html"},
	"extra field":    {"auth.login", `body {"token":`, `{"extra":"x"`},
	"id as asked":    {"auth.getuser", "body {", `{"id":"CHK`},
	"ids twice":      {"auth.signup.taken", "409", "200 application/json"},
	"tells unknown":  {"auth.login.wrong", "401", "404"},
	"plain errors":   {"auth.bad.json", "application/problem+json", "400 application/json"},
	"wrong codes":    {"auth.getuser.unknown", `"not_found"`, `"oops"`},
	"no title":       {"auth.refresh.missing", "a title", `"title":""`},
	"no Allow":       {"auth.bad.method", "Allow", "none"},
	"any type":       {"auth.bad.type", "415", "401"},
	"any size":       {"auth.bad.size", "413", "400"},
	"any field":      {"auth.bad.field", "unknown_field", "malformed"},
	"any bytes":      {"auth.bad.utf8", "malformed", "wrong_credentials"},
	"repeats":        {"auth.bad.repeat", "malformed", "wrong_credentials"},
	"header order":   {"auth.token.header", headerHS256, `{"typ":"JWT"`},
	"claims order":   {"auth.token.claims", `{"iss":"Auth"`, `{"exp":`},
	"exp 1799":       {"auth.token.lifetime", "exp - iat 1800", "exp - iat 1799"},
	"iat late":       {"auth.token.lifetime", "iat within 60 s", "iat 2"},
	"other key":      {"auth.token.signature", "key file", "another one"},
	"stale key":      {"auth.token.accepted", "status 200", "status 401"},
	"any token":      {"auth.token.none", "401", "200 application/json"},
	"alg none":       {"chat.token.none", "bad_token", `{"ok":true`},
	"expired is bad": {"auth.token.expired", "token_expired", "bad_token"},

	// The chat server.
	"chat down":          {"net.public.chat", "answering", "connection refused"},
	"chat takes any":     {"chat.token.rs256", "bad_token", `{"ok":true`},
	"stranger served":    {"chat.refused", "bad_token", "connected."},
	"stays open":         {"chat.token.tampered", "closed", "stays open"},
	"stays after logout": {"chat.token.ended", "signs out", "no more lines"},
	"token of another":   {"chat.token.other", "bad_token", `{"reply":"token"`},
	"doubles":            {"chat.broadcast", "once", "2 times"},
	"loses":              {"chat.broadcast", "once", "0 times"},
	"reorders":           {"chat.order", "of chk", `"`},
	"no ids":             {"chat.echo", "with id 0-0", `""`},
	"extra key":          {"chat.form", `["id" "room"`, `"ip"`},
	"who lies":           {"chat.who", "count 3", "count 4"},
	"first history":      {"chat.history", `["history 1" "history 2"]`, `["history 0" "history 1"]`},
	"no resume":          {"chat.resume", "seq", "seq"},
	"resume repeats":     {"chat.resume", `["during 1" "during 2" "after"]`, `["before the cut" "during 1"`},
	"repeats stored":     {"chat.repeat", `{"stored":"same"`, `"text":"once"`},
	"rooms leak":         {"chat.rooms", `first line here "said here"`, "first line here"},
	"raw text":           {"chat.escapes", "no control character", `\x1b[2J`},

	// The event log.
	"log away":              {"events.fields", "exactly the fields", "log database away at mongodb://fake/"},
	"no chat events":        {"events.chat", "chat/chat/chk", "only auth/"},
	"no failures":           {"events.signin.fail", "/fail within", "only "},
	"only in the tail":      {"events.signup", "auth/signup/chk", "no event of"},
	"events doubled":        {"events.once", "one event", "2"},
	"inexact":               {"events.fields", "nothing else", "another form"},
	"date form":             {"events.fields", "YYYY-MM-DDTHH:MM:SSZ", " in the event "},
	"date wrong":            {"events.time", "as the chat has it", "Z"},
	"no client certificate": {"events.relay.mtls", "refused", "ack 0"},
	"any certificate":       {"events.relay.stranger", "refused", "ack 0"},
	"any role at authd":     {"mtls.authd", "authd at 127.", "keeps the connection"},
	"any role":              {"mtls.logd", "logd at 127.", "it answers"},
	"no TLS":                {"events.relay.plain", "refused", "ack 0"},
	"silent":                {"events.relay.mtls", "refused", "silent"},
	"takes garbage":         {"events.relay.bad", "bad_event", "ack 1"},
	"relay doubles":         {"events.relay.repeat", "one event", "2"},
	"v0 lost":               {"events.v0", "one event", "0"},

	// Health, ops, network, secrets.
	"ping 0":               {"health.ping.one", `"1"`, `"0"`},
	"old only":             {"health.ping.one", `{"data":[{"value"`, "1"},
	"finds chat down":      {"health.up.one", `chatlab.up[chat]`, `"0"`},
	"half discovered":      {"health.discovery.one", "service chat", "auth"},
	"knows all":            {"health.unknown.one", "ZBX_NOTSUPPORTED", `""`},
	"unready":              {"ops.ready.logd", "200 of /readyz", "503 database away"},
	"no metrics":           {"ops.metrics.chatd_logger", "go_goroutines", "none"},
	"logd public":          {"net.isolation.logd", "the public address of one", "it answers"},
	"authd_private public": {"net.isolation.tokens", "the public address of one", "it answers"},
	"mongodb public":       {"net.isolation.mongodb", "the public address of one", "it answers"},
	"healthd public":       {"net.isolation.healthd", "the public address of one", "it answers"},
	"chatd public":         {"net.isolation.ops", "the public address of one", "it answers"},
	"logd down":            {"net.isolation.logd", "private address", "connection refused"},
	"open secret":          {"secrets.mode", "0600", "0644"},
	"exposed unit":         {"host.hardening.one", "at most 4.0", "9.6"},
	"clock off":            {"host.time.one", "within 1s", "1h0m0"},
	"stray listener":       {"host.listeners.one", "nothing that listens but", "tcp [::]:4444"},
}

func TestEachFaultFailsItsCheckAndEachCheckCanFail(t *testing.T) {
	var mu sync.Mutex
	failed := map[string]bool{}
	t.Run("fault", func(t *testing.T) {
		for _, fault := range slices.Sorted(maps.Keys(faults)) {
			want := faults[fault]
			t.Run(fault, func(t *testing.T) {
				t.Parallel()
				rep := newFake(t, fault).run(t)
				mu.Lock()
				defer mu.Unlock()
				for _, r := range rep.Results {
					if r.Result == Fail {
						failed[r.Name] = true
					}
					if r.Result == Fail && (r.Expected == "" || r.Seen == "" || r.Hint == "") {
						t.Errorf("%s failed without saying how: %+v", r.Name, r)
					}
				}
				r := rep.Results[slices.IndexFunc(rep.Results, func(r Result) bool { return r.Name == want.name })]
				if r.Result != Fail || !strings.Contains(r.Expected, want.expected) || !strings.Contains(r.Seen, want.seen) {
					t.Errorf("%s is %s: expected %q, seen %q", r.Name, r.Result, r.Expected, r.Seen)
				}
			})
		}
	})
	for _, c := range Catalogue(New(t.Context(), newFake(t).Lab, nil)) {
		if !failed[c.Name] {
			t.Errorf("no fault makes %s fail", c.Name)
		}
	}
}

func TestWhatATargetLacksIsSkippedWithTheReason(t *testing.T) {
	tests := map[string]struct{ name, reason string }{
		"no healthd": {"ops.ready.healthd", "the lab has no healthd"},
		"no secrets": {"auth.token.issuer", "target fake does not give jwt.key: no jwt.key"},
	}
	for fault, want := range tests {
		t.Run(fault, func(t *testing.T) {
			rep := newFake(t, fault).run(t)
			if rep.Failed > 0 || rep.Skipped == 0 || rep.OK < 30 {
				t.Errorf("%d failed, %d skipped: %v", rep.Failed, rep.Skipped, rep.Err())
			}
			for _, r := range rep.Results {
				if r.Name == want.name && (r.Result != Skip || r.Reason != want.reason) {
					t.Errorf("%+v", r)
				}
			}
		})
	}
	f := newFake(t)
	j := New(t.Context(), f.Lab, nil) // the log database cannot be read
	checks, err := Choose(Catalogue(j), []string{"events.once"})
	if err != nil {
		t.Fatal(err)
	}
	if r := Run(t.Context(), j, checks, nil).Results[0]; r.Result != Skip || !strings.Contains(r.Reason, "log database") {
		t.Errorf("%+v", r)
	}
}

func TestNamesAreUniqueAndWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Catalogue(New(t.Context(), newFake(t).Lab, nil)) {
		if seen[c.Name] || strings.Count(c.Name, ".") < 1 || c.Name != strings.ToLower(c.Name) || c.Text == "" || c.Hint == "" || c.Run == nil {
			t.Errorf("%+v", c)
		}
		seen[c.Name] = true
	}
}
