package logger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"chatlab/src/errs"
	"chatlab/src/event"
)

// session is one connection to a log server: one goroutine sends what the
// spool holds, up to the window; the other takes the replies.
type session struct {
	r       *relay
	conn    net.Conn
	greeted bool   // the log server has accepted us
	acked   uint64 // lines that it has stored

	mu     sync.Mutex
	flight []sent // in order, not acknowledged
	lines  uint64 // sent
	bytes  int    // in flight
	room   chan struct{}
}

// sent is a chunk in flight.
type sent struct {
	start, end position
	from, upto uint64 // lines of the connection before it, and with it
	bytes      int
}

// errFinished ends a session that has nothing more to do.
var errFinished = errors.New("finished")

func newSession(r *relay, conn net.Conn) *session {
	return &session{r: r, conn: conn, room: make(chan struct{}, 1)}
}

// run returns nil when finished, otherwise why the connection is of no use.
func (s *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	closing := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	defer closing()
	defer func() { _ = s.conn.Close() }()

	br := bufio.NewReaderSize(s.conn, event.MaxReply)
	if err := s.reply(ctx, br, s.r.l.pace.dial); err != nil {
		return err
	}
	s.greeted = true
	s.r.l.metrics.connected.Set(1)
	defer s.r.l.metrics.connected.Set(0)

	var sending sync.WaitGroup
	sending.Go(func() { cancel(s.send(ctx)) })
	err := s.replies(ctx, br)
	cancel(err)
	sending.Wait()
	if err = context.Cause(ctx); errors.Is(err, errFinished) {
		return nil
	}
	return err
}

// send writes chunks until ctx ends.
func (s *session) send(ctx context.Context) error {
	rd := s.r.l.spool.reader()
	defer rd.close()
	beat := time.NewTicker(s.r.l.pace.heartbeat)
	defer beat.Stop()
	finish := s.r.finish
	for {
		var more <-chan struct{}
		if s.hasRoom() {
			c, changed, err := rd.next()
			if err != nil {
				return &spoolError{err}
			}
			if c.n > 0 {
				s.launch(c)
				if err := s.write(c.lines); err != nil {
					return err
				}
				continue
			}
			more = changed
			if s.r.finishing() && s.idle() {
				return errFinished
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-more:
		case <-s.room:
		case <-finish:
			finish = nil
		case <-beat.C:
			if err := s.write([]byte("\n")); err != nil {
				return err
			}
		}
	}
}

func (s *session) write(b []byte) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.r.l.pace.write)); err != nil {
		return err
	}
	_, err := s.conn.Write(b)
	return err
}

func (s *session) hasRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes < window
}

func (s *session) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.flight) == 0
}

// launch notes a chunk that is about to be written.
func (s *session) launch(c chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := sent{start: c.start, end: c.end, from: s.lines, upto: s.lines + c.n, bytes: len(c.lines)}
	s.lines, s.bytes = f.upto, s.bytes+f.bytes
	s.flight = append(s.flight, f)
}

// replies takes replies until one ends the session.
func (s *session) replies(ctx context.Context, br *bufio.Reader) error {
	for {
		if err := s.reply(ctx, br, s.r.l.pace.silence); err != nil {
			return err
		}
	}
}

func (s *session) reply(ctx context.Context, br *bufio.Reader, wait time.Duration) error {
	if err := s.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	line, err := br.ReadSlice('\n')
	if err != nil {
		return err
	}
	rep, err := event.ParseReply(line)
	switch {
	case err != nil:
		return err
	case rep.Code == "":
		return s.ack(rep.Ack)
	case rep.Code == errs.BadEvent && rep.Line > 0:
		return s.refused(ctx, rep)
	}
	return errs.E(rep.Code, "log server: %s", rep.Text)
}

// ack trims the stored events from the spool.
func (s *session) ack(n uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n < s.acked || n > s.lines {
		return errs.E(errs.BadRequest, "log server: acknowledged %d lines after %d, of %d", n, s.acked, s.lines)
	}
	s.r.l.metrics.relayed.Add(float64(n - s.acked))
	s.acked = n
	i := 0
	for ; i < len(s.flight) && s.flight[i].upto <= n; i++ {
		s.bytes -= s.flight[i].bytes
	}
	if i > 0 {
		s.r.l.spool.trim(s.flight[i-1].end)
		s.flight = s.flight[i:]
		poke(s.room)
	}
	return nil
}

// refused sets the one line aside that the log server will never take, so
// that it does not hold up the lines behind it. The connection ends with it.
func (s *session) refused(ctx context.Context, rep event.Reply) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rep.Line != s.acked+1 || rep.Line > s.lines {
		return errs.E(errs.BadRequest, "log server: refused line %d after %d, of %d", rep.Line, s.acked, s.lines)
	}
	first := s.flight[0]
	line, end, err := s.r.l.spool.lineAt(ctx, first.start, s.acked-first.from)
	if err != nil {
		return &spoolError{err}
	}
	s.r.l.reject("log server", rep.Text, line)
	s.r.l.spool.trim(end)
	s.acked++ // progress: the next connection needs no pause
	return fmt.Errorf("log server refused a line: %s", rep.Text)
}
