package drill

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/testkit"
	"chatlab/src/wire"
)

var (
	errLimited = errs.E(errs.RateLimited, "slow down")
	errAway    = errs.E(errs.Unavailable, "away")
)

// said is a line of kim in room one, as a chat server has it.
func said(seq uint64, text string) wire.Message {
	return wire.Message{Seq: seq, Time: time.Unix(1, 0), Room: "one", User: "kim", Text: text, ID: fmt.Sprint("id", seq)}
}

func changed(m wire.Message, change func(*wire.Message)) wire.Message {
	change(&m)
	return m
}

// case of an account: kim says one line and gets an answer; one place is read.
type story struct {
	answer error // nil: acknowledged at sequence 7
	shown  bool  // to a reader
	stored []wire.Message
	word   string // "": nothing is wrong
}

// kims is the text of kim's line, and kimsAgain the line stored a second time.
const kims = "d1-u0.0 says so"

var kimsAgain = changed(said(8, kims), func(m *wire.Message) { m.ID = "id7" })

var stories = map[string]story{
	"acknowledged and stored":        {stored: []wire.Message{said(7, kims)}},
	"acknowledged and not stored":    {word: lost},
	"acknowledged and stored twice":  {stored: []wire.Message{said(7, kims), kimsAgain}, word: doubled},
	"shown and not stored":           {answer: errAway, shown: true, word: lost},
	"refused and not stored":         {answer: errLimited},
	"refused and stored":             {answer: errLimited, stored: []wire.Message{said(7, kims)}, word: late},
	"never sent and stored":          {answer: notSent{errAway}, stored: []wire.Message{said(7, kims)}, word: late},
	"the answer lost, not stored":    {answer: errAway},
	"the answer lost, stored":        {answer: errors.New("cut"), stored: []wire.Message{said(7, kims)}},
	"the answer lost, stored twice":  {answer: errAway, stored: []wire.Message{said(7, kims), kimsAgain}, word: doubled},
	"another text":                   {stored: []wire.Message{said(7, kims+"!")}, word: altered},
	"another text without its label": {stored: []wire.Message{said(7, "what?")}, word: altered},
	"another user":                   {stored: []wire.Message{changed(said(7, kims), func(m *wire.Message) { m.User = "lee" })}, word: altered},
	"another room":                   {stored: []wire.Message{changed(said(7, kims), func(m *wire.Message) { m.Room = "two" })}, word: altered},
	"another id":                     {stored: []wire.Message{changed(said(7, kims), func(m *wire.Message) { m.ID = "other" })}, word: altered},
	"at another sequence":            {stored: []wire.Message{changed(said(9, kims), func(m *wire.Message) { m.ID = "id7" })}, word: reordered},
	"a line that nobody said":        {stored: []wire.Message{said(7, kims), said(8, "boo")}, word: unsent},
	"a number that was not given":    {stored: []wire.Message{said(7, kims), said(8, "d1-u0.1 says so")}, word: unsent},
	"a sacrifice":                    {stored: []wire.Message{said(7, kims), said(8, "excused")}},
}

// tell plays a story, with these rules.
func (s story) tell(r rules) Account {
	l := newLedger()
	l.excuse("excused")
	l.speaker("d1-u0", "kim", "one")
	n, text := l.says("d1-u0", " says so")
	echo := wire.Message{}
	if s.answer == nil {
		echo = said(7, text)
	}
	l.receipt("d1-u0", n, echo, s.answer)
	if s.shown {
		l.reading().shows(l.message(said(7, text)))
	}
	p := l.open(inChatLog)
	p.rules = r
	for _, m := range s.stored {
		p.stored(l.message(m))
	}
	p.close()
	return p.Account
}

func TestEachFateCountsAgainstTheStoredLog(t *testing.T) {
	for name, s := range stories {
		a := s.tell(allRules())
		want := []string{s.word}
		if s.word == "" {
			want = nil
		}
		if got := a.words(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		if s.word != "" && a.First[s.word] == "" {
			t.Errorf("%s: the first is not named", name)
		}
	}
}

// A comparison that no story needs is one that nobody would miss.
func TestEachComparisonIsMissed(t *testing.T) {
	missed := func(what string, r rules) {
		t.Helper()
		for _, s := range stories {
			if a := s.tell(r); s.word != "" && !slices.Contains(a.words(), s.word) {
				return
			}
		}
		for _, s := range signings {
			if a, _ := s.tell(r); s.word != "" && !slices.Contains(a.words(), s.word) {
				return
			}
		}
		t.Errorf("nobody notices that %s is left out", what)
	}
	for i, rule := range sightingRules {
		r := allRules()
		r.sightings = slices.Delete(slices.Clone(r.sightings), i, i+1)
		missed(fmt.Sprintf("comparison %d of a line, %s,", i, rule.word), r)
	}
	for i, rule := range lineRules {
		r := allRules()
		r.lines = slices.Delete(slices.Clone(r.lines), i, i+1)
		missed(fmt.Sprintf("comparison %d of all lines, %s,", i, rule.word), r)
	}
	for i, rule := range signingRules {
		r := allRules()
		r.signings = slices.Delete(slices.Clone(r.signings), i, i+1)
		missed(fmt.Sprintf("comparison %d of sign-ins, %s,", i, rule.word), r)
	}
}

// signStory is one call to sign in, and the events of it.
type signStory struct {
	requests  int
	answer    error
	good, bad int
	word      string
	repeated  int
}

var signings = map[string]signStory{
	"acknowledged once":                {requests: 1, good: 1},
	"acknowledged, no event":           {requests: 1, word: lost},
	"acknowledged, a failure":          {requests: 1, bad: 1, word: lost},
	"one request, two events":          {requests: 1, good: 2, word: doubled},
	"one request, an event of each":    {requests: 1, good: 1, bad: 1, word: doubled},
	"two requests, one event":          {requests: 2, good: 1},
	"two requests, two events":         {requests: 2, good: 2, repeated: 1},
	"two requests, three events":       {requests: 2, good: 3, word: doubled, repeated: 1},
	"the answer lost, no event":        {requests: 1, answer: errAway},
	"the answer lost, one event":       {requests: 1, answer: errAway, good: 1},
	"the answer lost, two events":      {requests: 1, answer: errAway, good: 2, word: doubled},
	"nothing written, one event":       {answer: errAway, good: 1, word: late},
	"refused, no event":                {requests: 1, answer: errLimited},
	"refused, a failure":               {requests: 1, answer: errLimited, bad: 1},
	"refused, two failures":            {requests: 1, answer: errLimited, bad: 2, word: doubled},
	"refused, done all the same":       {requests: 1, answer: errLimited, good: 1, word: late},
	"refused by the second of servers": {requests: 2, answer: errLimited, good: 1},
}

func (s signStory) tell(r rules) (a Account, repeated int) {
	l := newLedger()
	l.signed(signIn, "kim", s.requests, s.answer)
	l.expectEvents()
	p := l.openEvents()
	p.rules = r
	for data, n := range map[string]int{"success": s.good, "fail": s.bad} {
		for range n {
			l.sawSigning(event.Event{Category: signIn, Subject: "kim", Data: data})
		}
	}
	_, repeated = p.closeEvents()
	return p.Account, repeated
}

func TestTheEventsOfASignInLieWithinItsRequests(t *testing.T) {
	for name, s := range signings {
		a, repeated := s.tell(allRules())
		want := []string{s.word}
		if s.word == "" {
			want = nil
		}
		if got := a.words(); !slices.Equal(got, want) || repeated != s.repeated {
			t.Errorf("%s: %v, %d repeated", name, got, repeated)
		}
	}
}

func TestASignInWhileTheEventLogIsReadIsNotLost(t *testing.T) {
	for _, stored := range []bool{false, true} {
		l := newLedger()
		l.expectEvents()
		answer := make(chan struct{})
		var calls sync.WaitGroup
		calls.Go(func() {
			_ = l.sign(t.Context(), signIn, "kim", func(ctx context.Context) error {
				httptrace.ContextClientTrace(ctx).WroteRequest(httptrace.WroteRequestInfo{})
				<-answer
				return nil
			})
		})
		testkit.Until(t, "the call is under way", func() bool { return !l.signsAnswered() })
		p := l.openEvents()
		if stored {
			l.sawSigning(event.Event{Category: signIn, Subject: "kim", Data: "success"})
		}
		close(answer)
		calls.Wait()
		if _, _ = p.closeEvents(); !p.clean() || !l.signsAnswered() {
			t.Errorf("stored: %t, %v", stored, p)
		}
	}
}

func TestAnEventOfNobodysSignInIsNone(t *testing.T) {
	l := newLedger()
	l.signed(signIn, "kim", 1, nil)
	for _, e := range []event.Event{
		{Category: signIn, Subject: "lee", Data: "success"},
		{Category: signUp, Subject: "kim", Data: "success"},
		{Category: signIn, Subject: "kim", Data: "succes"},
	} {
		if l.sawSigning(e) {
			t.Errorf("%+v", e)
		}
	}
}

func TestAPlaceIsReadAgainFromNothing(t *testing.T) {
	l := newLedger()
	l.speaker("d1-u0", "kim", "one")
	n, text := l.says("d1-u0", " says so")
	l.receipt("d1-u0", n, said(7, text), nil)
	l.signed(signIn, "kim", 1, nil)
	for range 2 {
		p := l.openEvents()
		p.stored(l.message(said(7, text)))
		l.sawSigning(event.Event{Category: signIn, Subject: "kim", Data: "success"})
		if stored, _ := p.closeEvents(); stored != 2 || !p.clean() {
			t.Errorf("%d stored, %v", stored, p)
		}
	}
}

func TestTheLoadIsCountedByItsAnswers(t *testing.T) {
	l := newLedger()
	l.speaker("d1-u0", "kim", "one")
	for _, err := range []error{nil, nil, errLimited, errAway} {
		n, _ := l.says("d1-u0", "")
		l.receipt("d1-u0", n, wire.Message{}, err)
	}
	l.signed(signUp, "kim", 1, nil)
	l.signed(signIn, "kim", 1, errLimited)
	got := l.totals()
	if got.Sent != 6 || got.Acked != 3 || got.Lines != 2 || got.Unknown != 1 || byCode(got.Refused) != "2 rate_limited, 1 unavailable" {
		t.Errorf("%+v", got)
	}
	if users := l.signedUp(); !slices.Equal(users, []string{"kim"}) {
		t.Errorf("signed up: %v", users)
	}
}

func TestLabelsAreReadBackAndNothingElseIs(t *testing.T) {
	for _, n := range []int{0, 7, 123456} {
		if p, m, ok := parseLabel(label("d1-u2", n)); !ok || p != "d1-u2" || m != n {
			t.Errorf("%d: %q %d %v", n, p, m, ok)
		}
	}
	for _, text := range []string{"", "kim", "kim.", ".", "kim.x", "kim.-1", "kim.1.2"} {
		if p, n, ok := parseLabel(text); ok {
			t.Errorf("%q was read as %q %d", text, p, n)
		}
	}
}

func TestTheAccountSaysEveryWord(t *testing.T) {
	var a Account
	for i, word := range accountWords {
		a.add(word, 0, "none")
		a.add(word, i+1, "first of "+word)
		a.add(word, 1, "second")
		if want := fmt.Sprintf("%s %d", word, i+2); !strings.Contains(a.String(), want) || a.First[word] != "first of "+word {
			t.Errorf("%q is not in %q, first %q", want, a.String(), a.First[word])
		}
	}
	var sum Account
	sum.merge(a)
	if got := sum.words(); len(got) != 7 || sum.Unsent != a.Unsent || sum.First[lost] != "first of lost" {
		t.Errorf("merged: %v %+v", got, sum)
	}
}
