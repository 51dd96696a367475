package main

import (
	"context"
	"io"
	"os"
	"sync"

	"golang.org/x/term"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// terminal is a person who types. It is in raw mode from beginning to end, and
// edits lines itself, so that what others say never tears a line that is being
// typed, and a line that was said is shown once: as it comes back.
type terminal struct {
	in    *os.File
	saved *term.State
	keys  chan []byte
	rest  []byte // of what was read from keys
	kept  string // what the next line begins with
	said  recall
	words func(first bool) []string // that Tab completes; nil: none

	mu     sync.Mutex
	out    *os.File
	err    io.Writer
	errTTY bool
	ed     editor
	paint  painter
}

func newTerminal(in, out *os.File, errOut io.Writer) (*terminal, error) {
	saved, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, errs.Wrap(err, errs.Usage, "the terminal cannot be used")
	}
	t := &terminal{in: in, saved: saved, out: out, err: errOut, keys: make(chan []byte)}
	if f, ok := errOut.(*os.File); ok {
		t.errTTY = term.IsTerminal(int(f.Fd()))
	}
	go t.read()
	return t, nil
}

// read hands on typed lines. Nothing can interrupt a read of a terminal: it
// ends with the terminal, or with the program.
func (t *terminal) read() {
	defer close(t.keys)
	for {
		buf := make([]byte, 256)
		n, err := t.in.Read(buf)
		if n > 0 {
			t.keys <- buf[:n]
		}
		if err != nil {
			return
		}
	}
}

func (t *terminal) next(ctx context.Context) (byte, error) {
	if len(t.rest) == 0 {
		select {
		case keys, ok := <-t.keys:
			if !ok {
				return 0, io.EOF
			}
			t.rest = keys
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	b := t.rest[0]
	t.rest = t.rest[1:]
	return b, nil
}

func (t *terminal) ask(ctx context.Context, prompt string) (string, error) {
	return t.edit(ctx, prompt, false, true)
}

func (t *terminal) secret(ctx context.Context, prompt string) (string, error) {
	return t.edit(ctx, prompt, true, true)
}

func (t *terminal) line(ctx context.Context) (string, error) {
	line, err := t.edit(ctx, "", false, false)
	if err == nil {
		t.said.add(line)
	}
	return line, err
}

func (t *terminal) completes(words func(first bool) []string) { t.words = words }

func (t *terminal) keep(text string) { t.kept = text }

// edit reads one line. keep leaves it on the screen when it is complete.
func (t *terminal) edit(ctx context.Context, prompt string, mask, keep bool) (string, error) {
	t.update(func() string {
		t.ed.reset(prompt, mask, wire.MaxLine)
		t.ed.begin(t.kept)
		t.kept = ""
		if !keep { // a line of the chat
			t.ed.recall, t.ed.words = &t.said, t.words
		}
		return t.paint.draw(&t.ed)
	})
	for {
		b, err := t.next(ctx)
		if err != nil {
			t.update(func() string {
				defer t.ed.take()
				return t.leave(keep)
			})
			return "", err
		}
		act, line := actNone, ""
		t.update(func() string {
			switch act = t.ed.feed(b); act {
			case actAppend:
				return t.paint.add(&t.ed)
			case actChanged:
				return t.paint.erase() + t.paint.draw(&t.ed)
			case actEnter, actInterrupt, actEnd:
				out := t.leave(keep)
				line = t.ed.take() // before anyone else draws it again
				return out
			}
			return ""
		})
		switch act {
		case actEnter:
			return line, nil
		case actInterrupt:
			return "", errInterrupted
		case actEnd:
			return "", io.EOF
		}
	}
}

// leave ends the line that is drawn: below it, or where it was.
func (t *terminal) leave(keep bool) string {
	if !keep {
		return t.paint.erase()
	}
	t.ed.pos = len(t.ed.buf)
	out := ""
	if t.paint.row != t.paint.drawn/t.paint.cols {
		out = t.paint.erase() + t.paint.draw(&t.ed)
	}
	end := t.paint.drawn
	t.paint.row, t.paint.drawn = 0, 0
	if end > 0 && end%t.paint.cols == 0 {
		return out // the cursor is below the line already
	}
	return out + "\r\n"
}

func (t *terminal) show(text string) { t.update(func() string { return t.above(text + "\r\n") }) }

func (t *terminal) fault(text string) {
	if t.errTTY {
		t.update(func() string {
			_, _ = io.WriteString(t.out, t.paint.erase())
			_, _ = io.WriteString(t.err, text+"\r\n")
			return t.paint.draw(&t.ed)
		})
		return
	}
	_, _ = io.WriteString(t.err, text+"\n")
}

// above returns what puts text above the line being typed.
func (t *terminal) above(text string) string {
	return t.paint.erase() + text + t.paint.draw(&t.ed)
}

// update changes the screen in one write.
func (t *terminal) update(change func() string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paint.cols = 80
	if cols, _, err := term.GetSize(int(t.out.Fd())); err == nil && cols > 0 {
		t.paint.cols = cols
	}
	_, _ = io.WriteString(t.out, change())
}

func (t *terminal) typing() bool { return true }

func (t *terminal) close() { _ = term.Restore(int(t.in.Fd()), t.saved) }
