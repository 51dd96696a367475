package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"

	"chatlab/src/app"
	"chatlab/src/errs"
)

// person is who uses the client: someone at a terminal, or a script.
type person interface {
	// ask shows a prompt and returns the typed line. Fails with io.EOF, with
	// errInterrupted, and when ctx ends.
	ask(ctx context.Context, prompt string) (string, error)
	// secret is ask for a password.
	secret(ctx context.Context, prompt string) (string, error)
	// line returns the next line of the chat. Fails as ask, and with too_long
	// for a line that is dropped.
	line(ctx context.Context) (string, error)
	// keep gives a line that was refused back, to be changed and said again.
	keep(text string)
	// completes says which words Tab completes: as the first of a line, or as another.
	completes(words func(first bool) []string)
	show(text string)  // one line of the session
	fault(text string) // one line of what goes wrong
	typing() bool      // at a terminal
	close()            // gives the terminal back
}

var errInterrupted = errors.New("interrupted")

// maxInput is the longest line taken, in bytes. It is longer than the
// protocol's, whose limit the chat server's client states by itself.
const maxInput = 64 << 10

// newPerson finds out whether a person is there: a terminal has to be one for both input
// and output.
func newPerson(env *app.Env) (person, error) {
	in, isFile := env.Stdin.(*os.File)
	out, outFile := env.Stdout.(*os.File)
	if isFile && outFile && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd())) {
		return newTerminal(in, out, env.Stderr)
	}
	s := &script{in: bufio.NewReaderSize(env.Stdin, maxInput), out: env.Stdout, err: env.Stderr}
	if isFile && term.IsTerminal(int(in.Fd())) {
		s.tty = in
	}
	return s, nil
}

// script is a pipe or a file: prompts are shown, nothing is echoed.
type script struct {
	in  *bufio.Reader
	tty *os.File // the input, if it is a terminal all the same
	mu  sync.Mutex
	out io.Writer
	err io.Writer
}

func (s *script) ask(ctx context.Context, prompt string) (string, error) {
	s.print(s.out, prompt)
	answer, err := s.line(ctx)
	if s.tty == nil {
		s.print(s.out, "\n")
	}
	return answer, err
}

func (s *script) secret(ctx context.Context, prompt string) (string, error) {
	if s.tty == nil {
		return s.ask(ctx, prompt)
	}
	s.print(s.out, prompt)
	defer s.print(s.out, "\n")
	return await(ctx, func() (string, error) {
		text, err := term.ReadPassword(int(s.tty.Fd()))
		return string(text), err
	})
}

func (s *script) line(ctx context.Context) (string, error) { return await(ctx, s.read) }

// await runs a read that nothing can interrupt; when ctx ends first, the
// program does too, and the read with it.
func await(ctx context.Context, read func() (string, error)) (string, error) {
	type outcome struct {
		text string
		err  error
	}
	got := make(chan outcome, 1)
	go func() {
		text, err := read()
		got <- outcome{text, err}
	}()
	select {
	case o := <-got:
		return o.text, o.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// read returns a line without its end; a last line may lack LF.
func (s *script) read() (string, error) {
	text, err := s.in.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		for err == bufio.ErrBufferFull {
			_, err = s.in.ReadSlice('\n')
		}
		return "", errs.E(errs.TooLong, "a line of over %d bytes is dropped", maxInput)
	}
	if err != nil && (err != io.EOF || len(text) == 0) {
		return "", err
	}
	return string(bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))), nil
}

func (s *script) show(text string)  { s.print(s.out, text+"\n") }
func (s *script) fault(text string) { s.print(s.err, text+"\n") }
func (s *script) typing() bool      { return false }
func (s *script) keep(string)       {}

func (s *script) completes(func(bool) []string) {}

func (s *script) close() {}

func (s *script) print(w io.Writer, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprint(w, text)
}
