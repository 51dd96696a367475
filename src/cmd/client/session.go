package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/wire"
)

// Times of a session.
const (
	noticeAfter = time.Second     // without a connection, until the person is told
	lineLimit   = 2 * time.Minute // for the receipt of a script's line
	leaveLimit  = 5 * time.Second // for the last receipts, when a person leaves
)

// talk is one chat of a person.
type talk struct {
	person person
	chat   *client.Chat
	began  chan struct{} // closed once "connected." is shown
	failed atomic.Bool   // a line or a command was refused
	notice *time.Timer

	comforts comforts
	tasks    sync.WaitGroup // reports of /presence
}

// chat signs in and chats until the input ends.
func (p *program) chat(ctx context.Context) error {
	if len(p.settings.Chat) == 0 {
		return errs.E(errs.Usage, "no address of the chat server").WithFix("give --chat HOST:8082, or the key chat in the configuration")
	}
	id, password, access, err := p.signIn(ctx)
	if err != nil {
		return err
	}
	p.person.show("ok")
	t := &talk{person: p.person, began: make(chan struct{})}
	t.notice = time.AfterFunc(time.Hour, func() { t.person.fault("reconnecting…") })
	defer t.notice.Stop()
	t.notice.Stop()
	options := client.Options{
		Addresses: shuffled(p.settings.Chat), Roots: p.roots, Room: p.settings.Room, Token: access, Refresh: p.auth.Refresh,
		Login:     func(ctx context.Context) (string, error) { return p.auth.Login(ctx, id, password) },
		OnMessage: t.onMessage, OnState: t.onState,
	}
	if !p.person.typing() {
		options.Window, options.RetryLimited = 1, true
	}
	if t.chat, err = client.Dial(ctx, options); err != nil {
		return err
	}
	defer t.chat.Close()
	p.person.show("connected.")
	close(t.began)
	if p.person.typing() {
		t.greet(ctx)
		p.person.completes(t.comforts.words)
	}
	defer t.tasks.Wait()
	return t.run(ctx)
}

// shuffled spreads clients over the servers.
func shuffled(servers []string) []string {
	out := slices.Clone(servers)
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// askID asks for the id unless it was given.
func (p *program) askID(ctx context.Context) (string, error) {
	if p.id != "" {
		return p.id, nil
	}
	return p.person.ask(ctx, "ID: ")
}

// credentials asks for the missing id or password.
func (p *program) credentials(ctx context.Context) (id, password string, err error) {
	if id, err = p.askID(ctx); err != nil {
		return "", "", unanswered(err)
	}
	if p.passwordFile != "" {
		password, err = readPassword(p.passwordFile)
		return id, password, err
	}
	password, err = p.person.secret(ctx, "PW: ")
	return id, password, unanswered(err)
}

// unanswered words the end of the input in the middle of the questions.
func unanswered(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return errs.E(errs.Failed, "the input ends where an answer is needed")
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return errs.E(errs.Failed, "interrupted")
	}
	return err
}

func (t *talk) onMessage(m wire.Message) {
	<-t.began
	t.comforts.saw(m.User)
	t.person.show(t.comforts.spoken(m))
}

func spoken(m wire.Message) string { return m.User + " : " + m.Text }

func (t *talk) onState(s client.State) {
	if !s.Connected {
		t.notice.Reset(noticeAfter)
		return
	}
	t.notice.Stop()
	switch {
	case s.HistoryLost:
		t.person.fault("error: the chat server's log has lost lines or is another one: all of its lines of this room follow")
	case s.Lost:
		t.person.fault("error: some lines said meanwhile are no longer in the log")
	}
}

// run takes lines until the input or the chat ends.
func (t *talk) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-t.chat.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		line, err := t.person.line(ctx)
		switch {
		case err == nil:
			if t.take(ctx, line) {
				return t.leave(nil)
			}
		case errs.Is(err, errs.TooLong):
			t.refused(err)
		default:
			return t.leave(err)
		}
	}
}

// leave ends the talk: when the input has ended, all that was said gets its
// receipt first.
func (t *talk) leave(err error) error {
	if err == io.EOF || err == nil {
		limit, cancel := context.WithTimeout(context.Background(), leaveLimit)
		defer cancel()
		err = t.chat.Drain(limit)
	} else if errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled) {
		err = nil
	}
	if gaveUp := t.chat.Err(); gaveUp != nil {
		return gaveUp
	}
	if err == nil && t.failed.Load() && !t.person.typing() {
		return errSaid
	}
	return err
}

// take does what a line asks for. quit tells that the person leaves.
func (t *talk) take(ctx context.Context, line string) (quit bool) {
	name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch {
	case strings.TrimSpace(line) == "":
	case strings.HasPrefix(line, "//"):
		t.say(ctx, line[1:])
	case strings.EqualFold(name, "/quit"):
		return true
	case strings.EqualFold(name, "/token"):
		t.refused(errs.E(errs.BadRequest, "the client renews its token by itself"))
	case t.own(ctx, line):
	case line[0] == '/':
		t.command(ctx, line)
	default:
		t.say(ctx, line)
	}
	return false
}

// say says a line. A script waits for the receipt, so that its lines keep their
// order whatever is refused; a person goes on typing.
func (t *talk) say(ctx context.Context, text string) {
	if t.person.typing() {
		err := t.chat.SendAsync(text, func(_ wire.Message, err error) { t.check(err) })
		if errs.Is(err, errs.TooLong) {
			t.person.keep(asTyped(text))
		}
		t.check(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lineLimit)
	defer cancel()
	_, err := t.chat.Send(ctx, text)
	t.check(err)
}

// asTyped is how a person types a text: one that begins with / needs another before it.
func asTyped(text string) string {
	if strings.HasPrefix(text, "/") {
		return "/" + text
	}
	return text
}

func (t *talk) command(ctx context.Context, cmd string) {
	if t.person.typing() {
		t.check(t.chat.CommandAsync(cmd, t.answer))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lineLimit)
	defer cancel()
	t.answer(t.chat.Command(ctx, cmd))
}

func (t *talk) answer(replies []wire.Reply, err error) {
	t.check(err)
	for _, r := range replies {
		for _, text := range t.worded(r) {
			t.person.show("* " + client.Printable(text))
		}
	}
}

// worded puts a reply as the chat server does for a person.
func (t *talk) worded(r wire.Reply) []string {
	switch {
	case r.Reply == "join":
		return []string{"you are in " + r.Room + " now"}
	case r.Reply == "who":
		text := fmt.Sprintf("%d in %s: %s", r.Count, r.Room, strings.Join(r.Users, " "))
		if len(r.Users) < r.Count {
			text += " …"
		}
		return []string{text}
	case r.Reply == "history" && r.Message != nil:
		return []string{t.comforts.spoken(*r.Message)}
	case r.Reply == "history":
		return []string{fmt.Sprintf("%d lines of %s", r.Count, r.Room)}
	case r.Reply == "help":
		text := r.Text
		if t.person.typing() {
			text += "\n" + ownHelp
		}
		return strings.Split(text, "\n")
	}
	return nil
}

func (t *talk) check(err error) {
	if err != nil && t.chat.Err() == nil {
		t.refused(err)
	}
}

func (t *talk) refused(err error) {
	t.failed.Store(true)
	t.person.fault(fmt.Sprintf("error: %s: %s", errs.CodeOf(err), client.Printable(errs.Public(err))))
}
