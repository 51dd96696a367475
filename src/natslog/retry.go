package natslog

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"chatlab/src/wait"
)

// How long an attempt may take at first, and at most, and the pause after it.
const (
	firstTry = 300 * time.Millisecond
	lastTry  = 1200 * time.Millisecond
	tryAgain = 20 * time.Millisecond
)

// unavailable is the status of an answer when nobody serves the subject, or its server
// is about to stop.
const unavailable = "503"

var errNotNow = errors.New("no member answers now")

// ask calls f until it has an answer, or ctx ends. In a cluster a member that stops, or
// one without a leader, leaves a question unanswered: then it is asked again, with more
// time each time, as a member may also be slow. Alone it is asked once.
func (l *Log) ask(ctx context.Context, f func(context.Context) error) error {
	if l.opts.Cluster == nil {
		return f(ctx)
	}
	for limit := firstTry; ; limit = min(2*limit, lastTry) {
		try, cancel := context.WithTimeout(ctx, limit)
		err := f(try)
		again := err != nil && (try.Err() != nil || retryable(err))
		cancel()
		if !again || !wait.Sleep(ctx, tryAgain) {
			return err
		}
	}
}

// retryable reports whether another attempt may have an answer: no member took the
// question, or no server leads JetStream, which has an election of its own.
func retryable(err error) bool {
	var refused *jetstream.APIError
	return errors.Is(err, nats.ErrNoResponders) || errors.Is(err, errNotNow) ||
		errors.As(err, &refused) && refused.ErrorCode == jetstream.ErrorCode(server.JSClusterNotAvailErr)
}
