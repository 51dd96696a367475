package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/wait"
)

// chatLogMove is the move of the chat log from several chat servers to the one that
// the inventory still has. That server does it, see package natslog.
type chatLogMove struct {
	to      inventory.Node
	address string // of its routes listener
	packed  string // the folder that it makes
}

const chatLogMoveLimit = 5 * time.Minute

// chatLogMove returns the move that is due, nil for none.
func (t *Target) chatLogMove() *chatLogMove {
	servers := t.inv.Members(inventory.Chatd)
	text, err := os.ReadFile(t.peersPath())
	if err != nil || len(servers) != 1 {
		return nil
	}
	dir := t.data(servers[0].Name, "chatd")
	m := &chatLogMove{to: servers[0], packed: filepath.Join(dir, "moving-to-one")}
	if _, err := os.Stat(filepath.Join(dir, "jetstream", "$SYS", "_js_", "_meta_")); err != nil {
		return nil // its log is its own
	}
	for line := range strings.Lines(string(text)) {
		if name, address, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == m.to.Name {
			m.address = address
		}
	}
	if _, err := os.Stat(m.packed); err == nil || m.address == "" {
		return nil
	}
	return m
}

// moveChatLog lets the lab that is up move its chat log, before chat servers of it go.
func (t *Target) moveChatLog(ctx context.Context, p lab.Progress) error {
	m := t.chatLogMove()
	if m == nil {
		return nil
	}
	done := p.Step("move the chat log to " + m.to.Name)
	err := t.awaitMove(ctx, m)
	done(err)
	return err
}

func (t *Target) awaitMove(ctx context.Context, m *chatLogMove) error {
	if err := files.Update(t.peersPath(), fmt.Appendf(nil, "%s %s\n", m.to.Name, m.address), 0o600); err != nil {
		return errs.E(errs.Failed, "chat log: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, chatLogMoveLimit)
	defer cancel()
	packed := func() bool {
		_, err := os.Stat(m.packed)
		return err == nil
	}
	if !wait.Until(ctx, pollEvery, packed) {
		return errs.E(errs.Failed, "%s has not taken the chat log over from the other chat servers", m.to.Name).
			WithFix("see its log, %s", t.path("log", m.to.Name+"-chatd.log"))
	}
	return nil
}

// spread refuses to start one chat server on the log of several, of which it may lack
// the end.
func (t *Target) spread() error {
	m := t.chatLogMove()
	if m == nil {
		return nil
	}
	return errs.E(errs.Usage, "the chat log in %s is that of several chat servers, and %s may lack its end", t.state, m.to.Name).
		WithFix("bring the lab up as it was (`lab up --topology ha`) and run this again while it is up: the log then moves to %s; or `lab down --purge`", m.to.Name)
}

// forgetPeers removes the names of chat servers that are none any more.
func (t *Target) forgetPeers() error {
	if t.peers() != "" {
		return nil
	}
	if err := os.Remove(t.peersPath()); err != nil && !os.IsNotExist(err) {
		return errs.E(errs.Usage, "configuration: %w", err)
	}
	return nil
}
