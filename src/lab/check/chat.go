package check

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// chatChecks proves the chat (design, section 5).
func chatChecks(j *Journey) []Check {
	checks := []Check{
		{Name: "chat.broadcast", Text: "three users chatting see every line once", Run: chatBroadcast},
		{Name: "chat.order", Text: "all users see the lines in one order, each user's in the order said", Run: chatOrder},
		{Name: "chat.echo", Text: "one's own line comes back with the id that was given to it", Run: chatEcho},
		{Name: "chat.form", Text: "a line has exactly the fields of the protocol", Run: chatForm},
		{Name: "chat.who", Text: "/who names the users of the room", Run: chatWho},
		{Name: "chat.history", Text: "/history gives the last lines of the room", Run: chatHistory},
		{Name: "chat.resume", Text: "after a cut a user gets what was said meanwhile, once", Run: chatResume},
		{Name: "chat.repeat", Text: "a line that is sent twice with one id is stored once", Run: chatRepeat},
		{Name: "chat.rooms", Text: "what is said in one room is not heard in another", Run: chatRooms},
		{Name: "chat.plain", Text: "the plain mode of a person with nc: connected. and user : text", Run: chatPlain},
		{Name: "chat.plain.slash", Text: "a plain line that begins with // is text, an unknown command is refused", Run: chatSlash},
		{Name: "chat.refused", Text: "a fourth user without a token is refused and hears nothing", Run: chatRefused},
		{Name: "chat.bad.long", Text: "4,096 bytes are a line, one more is too_long, and the session goes on", Run: chatLong},
		{Name: "chat.bad.utf8", Text: "a line that is not UTF-8 is bad_utf8, and the session goes on", Run: chatUTF8},
		{Name: "chat.bad.json", Text: "a line that is not of the protocol is bad_request, and the session goes on", Run: chatJSON},
		{Name: "chat.escapes", Text: "control characters and terminal escapes reach nobody", Run: chatEscapes},
	}
	checks = append(checks, chatTokenChecks()...)
	return j.group(partChat, "chatd's log (`lab status` says where); the protocol: src/wire/doc.go", checks)
}

func chatBroadcast(_ context.Context, e *Env) error {
	t, err := e.talk()
	if err != nil {
		return err
	}
	for i := range t.heard {
		for _, text := range t.said {
			n := t.count(i, text)
			e.True(n == 1, fmt.Sprintf("%s hears %q once", e.people[i].name, text), "%d times", n)
		}
		e.Same("lines that "+e.people[i].name+" hears, the last one too,", len(t.said)+1, len(t.heard[i]))
	}
	return nil
}

func chatOrder(_ context.Context, e *Env) error {
	t, err := e.talk()
	if err != nil {
		return err
	}
	for i, heard := range t.heard {
		last := uint64(0)
		for k, m := range heard {
			e.True(m.Seq > last, fmt.Sprintf("a seq above %d as line %d of %s", last, k+1, e.people[i].name), "%d", m.Seq)
			last = m.Seq
			if k < len(t.heard[0]) {
				first := t.heard[0][k]
				e.True(m.Seq == first.Seq && m.Text == first.Text,
					fmt.Sprintf("line %d of %s as of %s: %d %q", k+1, e.people[i].name, e.people[0].name, first.Seq, first.Text), "%d %q", m.Seq, m.Text)
			}
		}
	}
	for i, p := range e.people {
		var own []string
		for _, m := range t.heard[0] {
			if m.User == p.name && m.Text != "end" {
				own = append(own, m.Text)
			}
		}
		e.Same("lines of "+p.name, t.said[i*linesEach:(i+1)*linesEach], own)
	}
	return nil
}

func chatEcho(_ context.Context, e *Env) error {
	t, err := e.talk()
	if err != nil {
		return err
	}
	for i, p := range e.people {
		ids := map[string]string{}
		for _, m := range t.heard[i] {
			if m.User == p.name {
				ids[m.ID] = m.Text
			}
		}
		for n := range linesEach {
			id := fmt.Sprintf("%d-%d", i, n)
			e.Same("line of "+p.name+" with id "+id, t.said[i*linesEach+n], ids[id])
		}
	}
	return nil
}

func chatForm(_ context.Context, e *Env) error {
	t, err := e.talk()
	if err != nil {
		return err
	}
	known := []string{"id", "room", "seq", "text", "time", "user"}
	for k, raw := range t.raw[0] {
		var fields map[string]any
		if err := json.Unmarshal([]byte(raw), &fields); err != nil {
			return failf("a JSON object", "%s", raw)
		}
		e.Same("fields", known, slices.Sorted(maps.Keys(fields)))
		m := t.heard[0][k]
		e.True(strings.HasPrefix(raw, fmt.Sprintf(`{"seq":%d,`, m.Seq)), "a line that begins with seq", "%s", raw)
		e.Same("room", t.room, m.Room)
		age := m.Time.Sub(e.from).Seconds()
		e.True(age > -clockSlack && age < clockSlack, "the time at which it was said", "%s", m.Time)
	}
	return nil
}

func chatWho(_ context.Context, e *Env) error {
	t, err := e.talk()
	if err != nil {
		return err
	}
	var names []string
	for _, p := range e.people {
		names = append(names, p.name)
	}
	slices.Sort(names)
	for _, who := range t.who {
		e.Same("reply", "who", who.Reply)
		e.Same("room", t.room, who.Room)
		e.Same("users", names, who.Users)
		e.Same("count", len(names), who.Count)
	}
	return nil
}

// pair opens sessions of the first two users in a room of the check's own.
func (e *Env) pair(ctx context.Context, room string) (a, b *session, err error) {
	for i, s := range []**session{&a, &b} {
		p, err := e.member(i)
		if err == nil {
			*s, _, err = e.enter(ctx, p, e.name(room), nil)
		}
		if err != nil {
			if a != nil {
				a.close()
			}
			return nil, nil, err
		}
	}
	return a, b, nil
}

func chatHistory(ctx context.Context, e *Env) error {
	a, b, err := e.pair(ctx, "history")
	if err != nil {
		return err
	}
	defer a.close()
	defer b.close()
	var said []string
	for n := range 3 {
		m, err := a.say(fmt.Sprint(n), fmt.Sprintf("history %d", n), nil)
		if err != nil {
			return err
		}
		said = append(said, m.Text)
	}
	r, err := b.reply("/history 2")
	var got []string
	for err == nil && r.Message != nil {
		got = append(got, r.Message.Text)
		var in wire.Incoming
		if in, err = b.next(); err == nil && in.Reply == nil {
			return failf("the rest of the history", "%s", b.raw)
		} else if err == nil {
			r = *in.Reply
		}
	}
	e.Same("the last two lines", said[1:], got)
	e.Same("count", len(got), r.Count)
	return err
}

func chatResume(ctx context.Context, e *Env) error {
	a, b, err := e.pair(ctx, "resume")
	if err != nil {
		return err
	}
	defer a.close()
	before, err := a.say("r0", "before the cut", nil)
	if err != nil {
		b.close()
		return err
	}
	_, err = b.message()
	b.cut()
	if err != nil {
		return err
	}
	want := []string{"during 1", "during 2", "after"}
	for i, text := range want[:2] {
		if _, err := a.say(fmt.Sprintf("r%d", i+1), text, nil); err != nil {
			return err
		}
	}
	p, err := e.member(1)
	if err != nil {
		return err
	}
	b, w, err := e.enter(ctx, p, e.name("resume"), &before.Seq)
	if err != nil {
		return err
	}
	defer b.close()
	e.Same("seq of the welcome", before.Seq, w.Seq)
	if _, err := a.say("r3", want[2], nil); err != nil {
		return err
	}
	var got []string
	for last := ""; last != want[2]; {
		m, err := b.message()
		if err != nil {
			return failf(fmt.Sprintf("the lines %q", want), "%q: %v", got, err)
		}
		last = m.Text
		got = append(got, last)
	}
	e.Same("lines after the cut", want, got)
	return nil
}

func chatRepeat(ctx context.Context, e *Env) error {
	a, b, err := e.pair(ctx, "repeat")
	if err != nil {
		return err
	}
	defer a.close()
	defer b.close()
	first, err := a.say("same", "once", nil)
	if err != nil {
		return err
	}
	if err := a.sendLine(wire.Line{ID: "same", Text: "once"}); err != nil {
		return err
	}
	in, err := a.next()
	if err != nil {
		return err
	}
	if in.Stored == nil {
		e.True(false, fmt.Sprintf(`{"stored":"same","seq":%d}`, first.Seq), "%s", a.raw)
		return nil
	}
	e.Same("id", "same", in.Stored.ID)
	e.Same("seq", first.Seq, in.Stored.Seq)
	if _, err := a.say("other", "and then", nil); err != nil {
		return err
	}
	var heard []string
	for range 2 {
		m, err := b.message()
		if err != nil {
			return err
		}
		heard = append(heard, m.Text)
	}
	e.Same("what another user hears", []string{"once", "and then"}, heard)
	return nil
}

func chatRooms(ctx context.Context, e *Env) error {
	a, b, err := e.pair(ctx, "here")
	if err != nil {
		return err
	}
	defer a.close()
	defer b.close()
	p, err := e.member(2)
	if err != nil {
		return err
	}
	c, _, err := e.enter(ctx, p, e.name("there"), nil)
	if err != nil {
		return err
	}
	defer c.close()
	// One log orders all rooms: what leaked would come before the line of here.
	if _, err := c.say("t", "said there", nil); err != nil {
		return err
	}
	if _, err := a.say("h", "said here", nil); err != nil {
		return err
	}
	m, err := b.message()
	if err != nil {
		return err
	}
	e.Same("first line here", "said here", m.Text)
	// With several servers, that of c may not have the line yet; it has once it has a later one.
	if _, err := c.say("t2", "said there again", nil); err != nil {
		return err
	}
	r, err := c.reply("/join " + e.name("here"))
	if err != nil {
		return err
	}
	e.Same("room", e.name("here"), r.Room)
	if _, err := a.say("j", "welcome", nil); err != nil {
		return err
	}
	m, err = c.message()
	e.Same("first line after /join", "welcome", m.Text)
	return err
}

func chatRefused(ctx context.Context, e *Env) error {
	for _, hello := range []string{"chkfourth", `{"token":"","room":"lobby"}`, `{"room":"lobby"}`} {
		s, err := e.dialChat(ctx, 0, hello)
		if err != nil {
			return err
		}
		line, err := s.line()
		if err == nil {
			e.True(strings.HasPrefix(line, "error: "+string(errs.BadToken)+": ") || strings.HasPrefix(line, `{"error":"`+string(errs.BadToken)+`"`),
				"a refusal with bad_token", "%q", line)
			err = e.ended(s)
		}
		s.close()
		if err != nil {
			return err
		}
	}
	return nil
}
