package mariadb

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"chatlab/src/wait"
)

const (
	// attempt bounds one try of a call where there are several servers: of a
	// machine that lost its power nothing is heard. The rest of the call's time is
	// for another.
	attempt = 1500 * time.Millisecond
	// severalTimeout bounds a call instead of timeout where there are several servers:
	// a client that is told by then that this authd reaches none of them has time for
	// another authd, within the 5 s that its user shall wait.
	severalTimeout = 3500 * time.Millisecond
	// attempts are made of a call at the most, and againAfter between two.
	attempts   = 4
	againAfter = 50 * time.Millisecond
)

// call runs one statement within the time of a call, and runs it again: on
// another server when the connection is lost, after a conflict with what
// another server did, and while the servers decide which of them are there. Lost
// says that an earlier try may have been carried out.
func (s *Store) call(ctx context.Context, statement func(ctx context.Context, lost bool) error) error {
	limit := timeout
	if s.conn.several() {
		limit = severalTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	lost := false
	for n := 1; ; n++ {
		err := s.try(ctx, func(ctx context.Context) error { return statement(ctx, lost) })
		for is(err, notInSync) && s.conn.several() && ctx.Err() == nil {
			wait.Sleep(ctx, againAfter)
			err = s.try(ctx, func(ctx context.Context) error { return statement(ctx, lost) })
		}
		again := is(err, conflict) || s.conn.several() && isLost(err)
		if !again || n == attempts || ctx.Err() != nil {
			return err
		}
		if isLost(err) {
			lost = true
			s.elsewhere()
		}
		wait.Sleep(ctx, againAfter+rand.N(againAfter)) //nolint:gosec // so that two which are in each other's way are not again
	}
}

func (s *Store) try(ctx context.Context, statement func(context.Context) error) error {
	if !s.conn.several() {
		return statement(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	return statement(ctx)
}

// elsewhere makes new connections go to another server, and closes those that
// nobody uses.
func (s *Store) elsewhere() {
	s.conn.blame(time.Now())
	s.db.SetMaxIdleConns(-1)
	s.db.SetMaxIdleConns(connections)
}

// lookEvery is how often the server in use is looked at where there are several.
const lookEvery = time.Second

// lookAfter finds out in time that the server in use is gone, so that no user's
// call has to.
func (s *Store) lookAfter() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s.close = sync.OnceFunc(func() { cancel(); <-done })
	if !s.conn.several() {
		close(done)
		return
	}
	go func() {
		defer close(done)
		wait.Every(ctx, lookEvery, func() { _ = s.ping(ctx) })
	}()
}

// is tells whether a server refused with an error of this number.
func is(err error, number uint16) bool {
	var fault *mysql.MySQLError
	return errors.As(err, &fault) && fault.Number == number
}

// isLost tells whether a failure is the connection's or the server's, so that
// another server may do what this one did not.
func isLost(err error) bool {
	var fault *mysql.MySQLError
	if errors.As(err, &fault) {
		return slices.Contains([]uint16{notPrepared, shuttingDown, killed, readOnly, readOnlyNow, readOnlyMode}, fault.Number)
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF)
}
