package logd_test

import (
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/logd"
	"chatlab/src/mtls"
	"chatlab/src/testkit"
	"chatlab/src/testkit/logdtest"
)

func of(server string, born time.Time) event.Event {
	return event.Event{ID: event.NewID(born), Server: server, Category: "signin", Subject: "admin", Data: "success"}
}

func TestALoggerStoresTheEventsOfItsOwnServerOnly(t *testing.T) {
	store := logdtest.NewMemory()
	s := serve(t, store, time.Minute)
	for _, tt := range []struct {
		role   mtls.Role
		server string
		stored bool
	}{
		{mtls.AuthdLogger, "auth", true}, {mtls.ChatdLogger, "chat", true}, {mtls.Operator, "lab", true},
		{mtls.ChatdLogger, "auth", false}, {mtls.AuthdLogger, "chat", false}, {mtls.Operator, "auth", false},
		{mtls.AuthdLogger, "lab", false}, {mtls.ChatdLogger, "other", false},
	} {
		p, before := s.connectAs(t, tt.role, "node"), len(store.All())
		p.send(t, text([]event.Event{of(tt.server, time.Now())}))
		if tt.stored {
			p.waitAck(t, 1)
		} else if last, r := p.waitRefusal(t); last != 0 || r.Code != errs.BadEvent || r.Line != 1 || !strings.Contains(r.Text, string(tt.role)) {
			t.Errorf("%s with server=%s: %+v", tt.role, tt.server, r)
		}
		if stored := len(store.All()) > before; stored != tt.stored {
			t.Errorf("%s with server=%s: stored %v", tt.role, tt.server, stored)
		}
	}
}

func TestTheSpecificationsLineIsOfTheLoggersServerToo(t *testing.T) {
	s := serve(t, logdtest.NewMemory(), time.Minute)
	p := s.connect(t)
	p.send(t, "0/auth/signin/admin/success\n")
	if _, r := p.waitRefusal(t); r.Code != errs.BadEvent {
		t.Errorf("a logger of chatd stored a sign-in: %+v", r)
	}
}

func TestBirthsThatCannotBe(t *testing.T) {
	store := logdtest.NewMemory()
	s := serve(t, store, time.Minute)
	for name, tt := range map[string]struct {
		born time.Time
		code errs.Code // "": stored
		line uint64
	}{
		"1970":               {time.Unix(0, 0), errs.BadEvent, 3},
		"a month ago":        {time.Now().Add(-31 * 24 * time.Hour), errs.BadEvent, 3},
		"a week ago":         {time.Now().Add(-7 * 24 * time.Hour), "", 0},
		"in four minutes":    {time.Now().Add(4 * time.Minute), "", 0},
		"in ten minutes":     {time.Now().Add(10 * time.Minute), errs.Unavailable, 0}, // the logger keeps it
		"the day after next": {time.Now().Add(48 * time.Hour), errs.BadEvent, 3},
		"2100":               {time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), errs.BadEvent, 3},
	} {
		p := s.connectAs(t, mtls.AuthdLogger, strings.ReplaceAll(name, " ", "-"))
		before := []event.Event{of("auth", time.Now()), of("auth", time.Now())}
		e := of("auth", tt.born)
		p.send(t, text(append(before, e)))
		if tt.code == "" {
			p.waitAck(t, 3)
			continue
		}
		last, r := p.waitRefusal(t)
		if last != 2 || r.Code != tt.code || r.Line != tt.line {
			t.Errorf("%s: after ack %d: %+v, want %s %d", name, last, r, tt.code, tt.line)
		}
		for _, got := range store.All() {
			if got.ID == e.ID {
				t.Errorf("%s: stored", name)
			}
		}
	}
}

func TestOneCertificateCannotTakeAllConnections(t *testing.T) {
	s := serve(t, logdtest.NewMemory(), time.Minute)
	for range logd.MaxOfPeer {
		s.connectAs(t, mtls.AuthdLogger, "greedy").reply(t)
	}
	over := s.connectAs(t, mtls.AuthdLogger, "greedy")
	if r := over.reply(t); r.Code != errs.Unavailable || !strings.Contains(r.Text, "chatlab://authd-logger/greedy") {
		t.Errorf("reply %+v", r)
	}
	s.nextIsServed(t)
}

func TestARefusedRoleReadsWhyInTheServersLog(t *testing.T) {
	store := logdtest.NewMemory()
	s := serve(t, store, time.Minute)
	for _, role := range []mtls.Role{mtls.Logd, mtls.Healthd, mtls.Chatd, mtls.Authd} {
		for range 3 {
			p := s.connectAs(t, role, "log")
			_, err := p.br.ReadString('\n')
			told := mtls.Explain(s.ca.Files(role, "log"), err)
			if err == nil || !strings.Contains(told.Error(), "chatlab://"+string(role)+"/log") || errs.FixOf(told) == "" {
				t.Errorf("%s: %v", role, told)
			}
		}
		why := "the certificate is of chatlab://" + string(role) + "/log; its role must be authd-logger or chatd-logger or operator"
		testkit.Until(t, "the reason in the log", func() bool { return strings.Contains(s.said.String(), why) })
		if n := strings.Count(s.said.String(), why); n != 1 {
			t.Errorf("%s: the reason is there %d times", role, n)
		}
	}
	if n := len(store.All()); n > 0 {
		t.Errorf("%d events stored", n)
	}
}
