package health

import (
	"bufio"
	"context"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// room is where the checks talk, apart from people.
const room = "healthd"

// roundTrip is the milliseconds from sending a line to its coming back, which means that
// it is stored and shown.
func (s Services) roundTrip(a *account) func(context.Context, []string) (string, error) {
	return func(ctx context.Context, params []string) (string, error) {
		return s.slowest(ctx, "chat", params, func(ctx context.Context, m member) (time.Duration, error) {
			return a.say(ctx, m, s, "round trip")
		})
	}
}

// say says one line to a chat server and waits for it to come back.
func (a *account) say(ctx context.Context, m member, s Services, text string) (time.Duration, error) {
	token, err := a.access(ctx, s)
	if err != nil {
		return 0, err
	}
	conn, err := m.dial(ctx)
	if err != nil {
		return 0, errs.Wrap(err, errs.Failed, "%s does not answer.", m.addr)
	}
	defer func() { _ = conn.Close() }()
	talk := &talk{addr: m.addr, in: bufio.NewReaderSize(conn, wire.MaxServerLine)}
	if _, err := conn.Write(wire.AppendJSON(nil, wire.Hello{Token: token, Room: room})); err != nil {
		return 0, talk.broken(err)
	}
	if _, err := talk.await(func(in wire.Incoming) bool { return in.Welcome != nil }); err != nil {
		if errs.Is(err, errs.BadToken) || errs.Is(err, errs.TokenExpired) {
			a.forgetToken()
		}
		return 0, err
	}
	id, began := random(8), time.Now()
	if _, err := conn.Write(wire.AppendLine(nil, wire.Line{ID: id, Text: text})); err != nil {
		return 0, talk.broken(err)
	}
	_, err = talk.await(func(in wire.Incoming) bool { return in.Message != nil && in.Message.ID == id })
	return time.Since(began), err
}

// talk reads what a chat server says.
type talk struct {
	addr string
	in   *bufio.Reader
}

// await reads lines until the one that is wanted, or a refusal.
func (t *talk) await(wanted func(wire.Incoming) bool) (wire.Incoming, error) {
	for {
		line, err := t.in.ReadSlice('\n')
		if err != nil {
			return wire.Incoming{}, t.broken(err)
		}
		in, err := wire.Decode(line[:len(line)-1])
		switch {
		case err != nil:
			return in, errs.Wrap(err, errs.Failed, "%s does not speak as a chat server.", t.addr)
		case in.Refusal != nil:
			return in, errs.E(errs.Code(in.Refusal.Code), "%s refuses: %s: %s", t.addr, in.Refusal.Code, clip(in.Refusal.Text))
		case wanted(in):
			return in, nil
		}
	}
}

func (t *talk) broken(err error) error {
	return errs.Wrap(err, errs.Failed, "%s breaks off the connection.", t.addr)
}
