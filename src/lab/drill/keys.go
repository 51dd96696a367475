package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/token"
	"chatlab/src/wait"
)

// keyFollow is how long the servers may take to see a new key file.
const keyFollow = 3 * time.Second

// rotateKeys rotates as rotate.yml does: it adds a new key, signs with it once every
// server knows it, lets everyone renew, removes the old one, and kills a chat server, so
// that every client connects again with its present token.
func rotateKeys(ctx context.Context, r *run) error {
	path, err := r.lab.Target.Secret("jwt.key")
	if err != nil {
		return err
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fresh := []byte(token.NewKeyLine())
	both := append(append([]byte{}, fresh...), old...)
	// Should this be cut short, both keys are the state in which nobody is thrown out.
	steps := []undo{{File: path, Content: both}}
	if err := r.journal.add(steps); err != nil {
		return err
	}
	r.report.Faults++
	known := append(append([]byte{}, old...), fresh...)
	if err := r.rotate(ctx, path, known, both, fresh); err != nil {
		return errors.Join(err, healSteps(context.WithoutCancel(ctx), r.lab, r.journal, steps))
	}
	return r.journal.done(len(steps))
}

// rotate writes the key file three times: the new key verifies, then signs, then is
// alone.
func (r *run) rotate(ctx context.Context, path string, known, both, fresh []byte) error {
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	r.say("a new key verifies, the old one still signs")
	if err := r.publish(work, path, known); err != nil {
		return err
	}
	wait.Sleep(work, keyFollow)
	r.say("the new key signs, the old one still verifies")
	if err := r.publish(work, path, both); err != nil {
		return err
	}
	if err := r.untilSignedBy(work, fresh); err != nil {
		return err
	}
	for _, m := range r.crew.chats {
		if err := m.chat.Renew(work); err != nil {
			return fmt.Errorf("%s could not renew its token: %w", m.name, err)
		}
	}
	wait.Sleep(ctx, remaining(ctx)/2)
	r.say("the old key is gone, and everyone has to connect again")
	if err := r.publish(work, path, fresh); err != nil {
		return err
	}
	wait.Sleep(work, keyFollow)
	chatd := r.places(inventory.Chatd)[0]
	if err := r.strike(ctx, r.on(chatd.node, chatd.service, lab.Kill, "", 0)); err != nil {
		return err
	}
	r.expect = append(r.expect, r.nobodyThrownOut)
	return nil
}

// publish changes the key file, and its copies where machines have some.
func (r *run) publish(ctx context.Context, path string, text []byte) error {
	return undo{File: path, Content: text}.perform(ctx, r.lab)
}

// untilSignedBy waits until the auth server signs with a key.
func (r *run) untilSignedBy(ctx context.Context, keyLine []byte) error {
	keys, err := token.ParseKeys(keyLine)
	if err != nil {
		return err
	}
	ring := token.NewRing(keys...)
	signed := wait.Until(ctx, 100*time.Millisecond, func() bool {
		var raw string
		if raw, err = r.probe.login(ctx); err == nil {
			_, err = ring.Verify(raw, time.Now())
		}
		return err == nil
	})
	if !signed {
		return errs.Wrap(err, errs.Failed, "the auth server does not sign with the new key")
	}
	return nil
}

func (r *run) nobodyThrownOut(context.Context) error {
	for _, m := range r.crew.chats {
		if n := m.chat.Stats().Refused[errs.BadToken]; n > 0 {
			return fmt.Errorf("%s was refused %d times with bad_token", m.name, n)
		}
		if err := m.chat.Err(); err != nil {
			return fmt.Errorf("%s was thrown out: %w", m.name, err)
		}
	}
	return nil
}
