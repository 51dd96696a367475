package check

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/mongodb"
	"chatlab/src/wait"
	"chatlab/src/wire"
)

// EventLog reads the log database: a [mongodb.Log].
type EventLog interface {
	Find(ctx context.Context, f mongodb.Filter, after event.ID) iter.Seq2[mongodb.Record, error]
	Stored(ctx context.Context, id event.ID) (mongodb.Record, bool, error)
}

// How long an event may take from its cause to the database, how often it is
// looked for meanwhile, and how long one look may take: while more events are
// stored than the embedded database's tail holds, a look reads the whole log.
const (
	eventDeadline = 5 * time.Second
	eventPoll     = 20 * time.Millisecond
	eventLook     = 90 * time.Second
)

// eventChecks proves that what happened is in the log database, in the form of
// the specification.
func eventChecks(j *Journey) []Check {
	checks := []Check{
		{Name: "events.signup", Text: "each sign-up is in the log database", Run: stored("signup", "success")},
		{Name: "events.signup.fail", Text: "a refused sign-up is in the log database", Run: stored("signup", "fail")},
		{Name: "events.signin", Text: "each sign-in is in the log database", Run: stored("signin", "success")},
		{Name: "events.signin.fail", Text: "a wrong password and an unknown id are in the log database", Run: stored("signin", "fail")},
		{Name: "events.chat", Text: "each line of the chat is in the log database, as it was said", Run: stored("chat", "")},
		{Name: "events.once", Text: "each event is in the log database once", Run: eventOnce},
		{Name: "events.fields", Text: "an event has exactly the fields and types of the specification", Run: eventFields},
		{Name: "events.time", Text: "date_time is when it happened, to the second", Run: eventTime},
	}
	for i := range checks {
		checks[i].Needs = []Need{hasLog, has(partAuth), has(partChat)}
		checks[i].Timeout = DefaultTimeout + stepTimeout + 2*eventLook // sign-ups and talk come first
	}
	checks = append(checks, relayChecks()...)
	checks = append(checks, mtlsChecks(j)...)
	return j.group(partLogd, "the logs of the loggers and of logd (`lab status` says where); `lab events`", checks)
}

// fact is an event that must be in the log database.
type fact struct{ server, category, subject, data string }

func (f fact) String() string {
	return fmt.Sprintf("%s/%s/%s/%s", f.server, f.category, f.subject, f.data)
}

func factOf(r mongodb.Record) fact { return fact{r.Server, r.Category, r.Subject, r.Data} }

// journal is what the log database has of the journey.
type journal struct {
	facts   []fact // what must be there
	records []mongodb.Record
}

// count tells how often a fact is in the log.
func (l *journal) count(f fact) int {
	n := 0
	for _, r := range l.records {
		if factOf(r) == f {
			n++
		}
	}
	return n
}

func (l *journal) complete() bool {
	return !slices.ContainsFunc(l.facts, func(f fact) bool { return l.count(f) == 0 })
}

// facts makes everything happen that has to be in the log, and lists it. A
// chat that does not work is not the log's fault: its events are left out.
func (j *Journey) facts() ([]fact, error) {
	var out []fact
	t, chatErr := j.talk()
	for i, p := range j.people {
		if _, err := j.member(i); err != nil {
			return nil, err
		}
		out = append(out, fact{"auth", "signup", p.name, "success"}, fact{"auth", "signin", p.name, "success"})
		for n := range linesEach {
			if chatErr == nil {
				out = append(out, fact{"chat", "chat", p.name, t.said[i*linesEach+n]})
			}
		}
	}
	first := j.people[0].name
	for _, c := range []struct {
		cause func() (reply, error)
		fact  fact
	}{
		{j.taken, fact{"auth", "signup", strings.ToUpper(first), "fail"}},
		{j.wrongPassword, fact{"auth", "signin", first, "fail"}},
		{j.unknownID, fact{"auth", "signin", j.name("ghost"), "fail"}},
	} {
		if _, err := c.cause(); err != nil {
			return nil, err
		}
		out = append(out, c.fact)
	}
	return out, nil
}

// readLog reads the log until every fact is there, or until a look that began
// eventWait after the last of them happened. Events missing then are for the
// checks to say.
func (j *Journey) readLog(ctx context.Context) (*journal, error) {
	facts, err := j.facts()
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(j.eventWait)
	l := &journal{facts: facts}
	for {
		asked := time.Now()
		records, err := j.records(ctx)
		if err == nil {
			l.records = records
		}
		switch {
		case l.complete():
			return l, nil
		case asked.After(deadline) && l.records == nil:
			return nil, err
		case asked.After(deadline):
			return l, nil
		}
		// A look that takes long leaves half of the time to those who store.
		if !wait.Sleep(ctx, max(eventPoll, time.Since(asked))) {
			return nil, ctx.Err()
		}
	}
}

// records returns what the log has of this run.
func (j *Journey) records(ctx context.Context) ([]mongodb.Record, error) {
	return j.looks.take(ctx, j.look)
}

// readRun reads what the log has of this run.
func (j *Journey) readRun(ctx context.Context) ([]mongodb.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, j.allow(eventLook))
	defer cancel()
	var after event.ID
	binary.BigEndian.PutUint32(after[:4], uint32(j.from.Unix()-clockSlack)) //nolint:gosec // an ObjectID has 32 bits of time
	out := []mongodb.Record{}
	for r, err := range j.log.Find(ctx, mongodb.Filter{Stored: j.from}, after) {
		if err != nil {
			return nil, fmt.Errorf("%s at %s", errs.Public(err), j.lab.Target.MongoURI())
		}
		if !strings.HasPrefix(strings.ToLower(r.Subject), j.tag) {
			continue
		}
		switch r, ok, err := j.proved(ctx, r); {
		case err != nil:
			return nil, fmt.Errorf("%s at %s", errs.Public(err), j.lab.Target.MongoURI())
		case ok:
			out = append(out, r)
		}
	}
	return out, nil
}

// proved returns the document of the event log that a found record stands for:
// Find may answer from the tail of the log. It asks once for each. Only a look
// calls it, and there is one at a time.
func (j *Journey) proved(ctx context.Context, found mongodb.Record) (mongodb.Record, bool, error) {
	if r, ok := j.documents[found.Event.ID]; ok {
		return r, true, nil
	}
	r, ok, err := j.log.Stored(ctx, found.Event.ID)
	if err == nil && ok {
		j.documents[found.Event.ID] = r
	}
	return r, ok, err
}

// stored proves that the facts of a category are in the log; data "" is any.
func stored(category, data string) func(context.Context, *Env) error {
	return func(_ context.Context, e *Env) error {
		l, err := e.logged()
		if err != nil {
			return err
		}
		if category == "chat" {
			if _, err := e.talk(); err != nil {
				return err
			}
		}
		for _, f := range l.facts {
			if f.category == category && (data == "" || f.data == data) {
				e.True(l.count(f) > 0, fmt.Sprintf("an event %s within %s", f, e.eventWait), "%s", l.others(f.subject))
			}
		}
		return nil
	}
}

// others tells what the log has of a subject.
func (l *journal) others(subject string) string {
	var have []string
	for _, r := range l.records {
		if r.Subject == subject {
			have = append(have, factOf(r).String())
		}
	}
	if len(have) == 0 {
		return "no event of " + subject
	}
	return "only " + strings.Join(have, ", ")
}

// eventOnce reads the log again when it is complete: events doubled on the way
// came with, or soon after, what it doubles.
func eventOnce(ctx context.Context, e *Env) error {
	l, err := e.logged()
	if err != nil {
		return err
	}
	again, err := e.records(ctx)
	if err != nil {
		return err
	}
	now := &journal{l.facts, again}
	for _, f := range l.facts {
		n := now.count(f)
		e.True(n == 1, fmt.Sprintf("one event %s", f), "%d", n)
	}
	return nil
}

var dateTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)

func eventFields(_ context.Context, e *Env) error {
	l, err := e.logged()
	if err != nil {
		return err
	}
	if len(l.records) == 0 {
		return failf("events to look at", "none of this run's")
	}
	for _, r := range l.records {
		e.form(r)
	}
	return nil
}

// form states that a document is { _id: ObjectId, date_time:
// "YYYY-MM-DDTHH:MM:SSZ", server, category, id, data }, all but _id strings.
func (e *Env) form(r mongodb.Record) {
	e.True(dateTime.MatchString(r.DateTime), "date_time as YYYY-MM-DDTHH:MM:SSZ", "%q in the event %s", r.DateTime, factOf(r))
	e.True(r.Exact, "a document of _id (an ObjectId), date_time (its time), server, category, id and data (strings) and nothing else",
		"another form: _id %s, date_time %q, event %s", r.ID, r.DateTime, factOf(r))
}

func eventTime(_ context.Context, e *Env) error {
	l, err := e.logged()
	if err != nil {
		return err
	}
	t, err := e.talk()
	if err != nil {
		return err
	}
	if len(l.records) == 0 {
		return failf("events to look at", "none of this run's")
	}
	for _, r := range l.records {
		when, err := time.Parse(time.RFC3339, r.DateTime)
		if err != nil {
			return failf("a date_time", "%q", r.DateTime)
		}
		off := when.Sub(e.from).Seconds()
		e.True(off >= -clockSlack && off <= clockSlack, "date_time of now, "+e.from.UTC().Format(time.RFC3339), "%s of %s", r.DateTime, factOf(r))
		if m, said := t.find(r); said {
			e.Same("date_time of a line, as the chat has it,", m.Time.UTC().Format("2006-01-02T15:04:05Z"), r.DateTime)
		}
	}
	return nil
}

// find returns the line of the talk that an event is of.
func (t *talk) find(r mongodb.Record) (wire.Message, bool) {
	i := slices.IndexFunc(t.heard[0], func(m wire.Message) bool { return factOf(r) == fact{"chat", "chat", m.User, m.Text} })
	if i < 0 {
		return wire.Message{}, false
	}
	return t.heard[0][i], true
}
