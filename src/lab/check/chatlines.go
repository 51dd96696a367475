package check

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// plainPair opens a plain session of the first user and a JSON session of the
// second in a room of the check's own.
func (e *Env) plainPair(ctx context.Context, room string) (plain, other *session, err error) {
	p, err := e.member(0)
	if err != nil {
		return nil, nil, err
	}
	q, err := e.member(1)
	if err != nil {
		return nil, nil, err
	}
	if other, _, err = e.enter(ctx, q, e.name(room), nil); err != nil {
		return nil, nil, err
	}
	if plain, err = e.enterPlain(ctx, p, e.name(room)); err != nil {
		other.close()
		return nil, nil, err
	}
	return plain, other, nil
}

// echo says a plain line and states that it comes back as another.
func (e *Env) echo(s *session, says, wants string) error {
	if err := s.send(says); err != nil {
		return err
	}
	line, err := s.line()
	if err == nil {
		e.Same("line", wants, line)
	}
	return err
}

func chatPlain(ctx context.Context, e *Env) error {
	plain, other, err := e.plainPair(ctx, "plain")
	if err != nil {
		return err
	}
	defer plain.close()
	defer other.close()
	me, you := e.people[0].name, e.people[1].name
	if err := e.echo(plain, "dk", me+" : dk"); err != nil {
		return err
	}
	m, err := other.message()
	if err != nil {
		return err
	}
	e.Same("what another user hears", me+" : dk", m.User+" : "+m.Text)
	if err := other.sendLine(wire.Line{Text: "123123"}); err != nil {
		return err
	}
	line, err := plain.line()
	if err != nil {
		return err
	}
	e.Same("line", you+" : 123123", line)
	if err := plain.send("/quit"); err != nil {
		return err
	}
	for err == nil {
		_, err = plain.lines.Next(plain.until, 0)
	}
	e.True(!errs.Is(err, errs.Timeout), "the connection closed after /quit", "it stays open")
	return nil
}

func chatSlash(ctx context.Context, e *Env) error {
	plain, other, err := e.plainPair(ctx, "slash")
	if err != nil {
		return err
	}
	defer plain.close()
	defer other.close()
	if err := e.echo(plain, "//me waves", e.people[0].name+" : /me waves"); err != nil {
		return err
	}
	return e.refusedPlain(plain, "/nosuch", errs.BadRequest)
}

// refusedPlain says a bad line in plain mode and states its refusal, and that
// the session goes on.
func (e *Env) refusedPlain(s *session, says string, code errs.Code) error {
	if err := s.send(says); err != nil {
		return err
	}
	line, err := s.line()
	if err != nil {
		return err
	}
	e.True(strings.HasPrefix(line, "error: "+string(code)+": "), fmt.Sprintf("error: %s: …", code), "%q", line)
	return e.echo(s, "still here", e.people[0].name+" : still here")
}

func chatLong(ctx context.Context, e *Env) error {
	plain, other, err := e.plainPair(ctx, "long")
	if err != nil {
		return err
	}
	defer plain.close()
	defer other.close()
	longest := strings.Repeat("x", wire.MaxLine)
	if err := e.echo(plain, longest, e.people[0].name+" : "+longest); err != nil {
		return err
	}
	return e.refusedPlain(plain, longest+"x", errs.TooLong)
}

func chatUTF8(ctx context.Context, e *Env) error {
	plain, other, err := e.plainPair(ctx, "utf8")
	if err != nil {
		return err
	}
	defer plain.close()
	defer other.close()
	return e.refusedPlain(plain, "a\xff\xfeb", errs.BadUTF8)
}

func chatJSON(ctx context.Context, e *Env) error {
	a, b, err := e.pair(ctx, "json")
	if err != nil {
		return err
	}
	defer a.close()
	defer b.close()
	for _, line := range []string{`{`, `{"text":1}`, `{"text":"a","text":"b"}`, `{"words":"a"}`, `{"cmd":"/nosuch"}`, `{"text":"a"} {}`} {
		if err := a.send(line); err != nil {
			return err
		}
		if err := e.refused(a, errs.BadRequest); err != nil {
			return fmt.Errorf("after %s: %w", line, err)
		}
	}
	m, err := a.say("ok", "still here", nil)
	e.Same("line", "still here", m.Text)
	return err
}

func chatEscapes(ctx context.Context, e *Env) error {
	plain, other, err := e.plainPair(ctx, "escapes")
	if err != nil {
		return err
	}
	defer plain.close()
	defer other.close()
	for _, c := range []struct{ says, want string }{
		{"a\x1b[2Jb\x07c\x00d\x7fe", "a[2Jbcde"},          // C0 and DEL
		{"f\u009b2Jg", "f2Jg"},                            // C1: a one-byte CSI of some terminals
		{"h\u202ei\u2066j", "hij"},                        // direction overrides
		{"k\tl", "k l"},                                   // a tab is a space
		{"me : you\rfake : line", "me : you fake : line"}, // a CR would forge a line
	} {
		if err := plain.send(c.says); err != nil {
			return err
		}
		m, err := other.message()
		if err != nil {
			return err
		}
		e.True(!strings.ContainsFunc(m.Text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }),
			fmt.Sprintf("no control character of %q", c.says), "%q", m.Text)
		e.Same("text", c.want, m.Text)
	}
	if err := other.send(`{"text":"m\u001b]0;title\u0007n"}`); err != nil {
		return err
	}
	for line := ""; !strings.HasPrefix(line, e.people[1].name+" : "); {
		if line, err = plain.line(); err != nil {
			return err
		}
		e.True(!strings.ContainsFunc(line, unicode.IsControl), "a plain line without control characters", "%q", line)
	}
	return nil
}

// chatTokenChecks proves that chatd refuses every forgery, as authd does.
func chatTokenChecks() []Check {
	checks := []Check{
		{Name: "chat.token.accepted", Text: "a hand-made token that is right is accepted", Needs: []Need{hasKey}, Run: chatAccepts},
		{Name: "chat.token.newer", Text: "/token takes a newer token of the same user", Needs: []Need{has(partAuth)}, Run: chatNewer},
		{Name: "chat.token.ended", Text: "a user who signs out at one server is out of the chat, at another one too, within two seconds", Needs: []Need{has(partAuth)}, Run: chatSignedOut},
		{Name: "chat.token.other", Text: "/token refuses a token of another user", Needs: []Need{has(partAuth)}, Run: chatOther},
	}
	for _, f := range forgeries() {
		checks = append(checks, Check{Name: "chat.token." + f.name, Text: f.text + " is refused by chatd", Needs: f.needs(),
			Run: func(ctx context.Context, e *Env) error { return e.chatRefuses(ctx, f) }})
	}
	return checks
}

func (e *Env) chatRefuses(ctx context.Context, f forgery) error {
	raw, err := e.forge(f)
	if err != nil {
		return err
	}
	s, err := e.dialChat(ctx, 0, jsonText(wire.Hello{Token: raw}))
	if err != nil {
		return err
	}
	defer s.close()
	if err := e.refused(s, f.code); err != nil {
		return err
	}
	return e.ended(s)
}

func chatAccepts(ctx context.Context, e *Env) error {
	s, err := e.secrets(true)
	if err != nil {
		return err
	}
	p := person{name: s.user, token: signHMAC(headerHS256, s.payload(), s.key)}
	c, w, err := e.enter(ctx, p, e.name("tokens"), nil)
	if err != nil {
		return err
	}
	defer c.close()
	e.Same("user", p.name, w.User)
	return nil
}

// endedWithin is how long the chat of a user who signed out may last.
const endedWithin = 2 * time.Second

// chatSignedOut ends the tokens of a user of its own: nobody else must lose a session.
func chatSignedOut(ctx context.Context, e *Env) error {
	p := e.newPerson(ctx, len(e.people))
	if r, err := p.login(); err != nil || p.token == "" {
		return errors.Join(err, failf("a signed-in user", "%d %s", r.status, r.body))
	}
	s, _, err := e.enter(ctx, *p, e.name("ended"), nil)
	if err != nil {
		return err
	}
	defer s.close()
	r, err := e.auth(ctx, call{method: http.MethodPost, path: "/auth/logout", bearer: p.token, node: p.n + 1})
	if err != nil {
		return err
	}
	e.True(r.status/100 == 2, "status 2xx of the sign-out", "%d %s", r.status, r.body)
	signedOut := time.Now()
	if err := e.refused(s, errs.TokenRevoked); err != nil {
		return err
	}
	took := time.Since(signedOut)
	e.True(took <= e.allow(endedWithin), "the session's end within "+endedWithin.String(), "it took %s", took.Round(time.Millisecond))
	return e.ended(s)
}

func chatNewer(ctx context.Context, e *Env) error {
	p, err := e.member(0)
	if err != nil {
		return err
	}
	r, err := e.refresh(ctx, p.token)
	if err != nil {
		return err
	}
	e.Same("status of the refresh", http.StatusOK, r.status)
	s, _, err := e.enter(ctx, p, e.name("tokens"), nil)
	if err != nil {
		return err
	}
	defer s.close()
	got, err := s.reply("/token " + tokenIn(r))
	e.Same("reply", "token", got.Reply)
	return err
}

func chatOther(ctx context.Context, e *Env) error {
	p, err := e.member(0)
	if err != nil {
		return err
	}
	q, err := e.member(1)
	if err != nil {
		return err
	}
	s, _, err := e.enter(ctx, p, e.name("tokens"), nil)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.sendLine(wire.Line{Cmd: "/token " + q.token}); err != nil {
		return err
	}
	if err := e.refused(s, errs.BadToken); err != nil {
		return err
	}
	return e.ended(s)
}
