package natslog

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	whoSubject = "who"
	whoTimeout = 300 * time.Millisecond // for a member that is connected and silent
	whoBytes   = 8 << 10                // of names in one message
	whoEnd     = "end"                  // header of a member's last one
)

// Presence returns the users in a room of this server.
func (l *Log) Presence(users func(room string) []string) { l.users.Store(&users) }

// Elsewhere implements [chat.Presence]: it asks the members that are connected.
func (l *Log) Elsewhere(ctx context.Context, room string) []string {
	if l.opts.Cluster == nil {
		return nil
	}
	left := len(l.others())
	if left == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, whoTimeout)
	defer cancel()
	inbox := nats.NewInbox()
	sub, err := l.conn.SubscribeSync(inbox)
	if err != nil {
		return nil
	}
	defer func() { _ = sub.Unsubscribe() }()
	ask := &nats.Msg{Subject: whoSubject, Reply: inbox, Data: []byte(room), Header: nats.Header{whoEnd: {l.opts.Node}}}
	if err := l.conn.PublishMsg(ask); err != nil {
		return nil
	}
	var names []string
	for left > 0 {
		msg, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			break
		}
		if len(msg.Data) > 0 {
			names = append(names, strings.Split(string(msg.Data), "\n")...)
		}
		if msg.Header.Get(whoEnd) != "" {
			left--
		}
	}
	return names
}

// answerWho answers the other members.
func (l *Log) answerWho() error {
	_, err := l.conn.Subscribe(whoSubject, func(msg *nats.Msg) {
		users := l.users.Load()
		if msg.Header.Get(whoEnd) == l.opts.Node || users == nil {
			return
		}
		for _, part := range parts((*users)(string(msg.Data))) {
			_ = l.conn.PublishMsg(&nats.Msg{Subject: msg.Reply, Data: []byte(part)})
		}
		_ = l.conn.PublishMsg(&nats.Msg{Subject: msg.Reply, Header: nats.Header{whoEnd: {l.opts.Node}}})
	})
	return err
}

// parts joins names to texts that fit into a message.
func parts(names []string) []string {
	var out []string
	for _, name := range names {
		if n := len(out); n > 0 && len(out[n-1])+len(name) < whoBytes {
			out[n-1] += "\n" + name
		} else {
			out = append(out, name)
		}
	}
	return out
}
