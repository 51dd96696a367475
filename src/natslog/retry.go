package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"chatlab/src/wait"
)

// How long an attempt may take at first, and at most, and the pause after it.
const (
	firstTry = 300 * time.Millisecond
	lastTry  = 1200 * time.Millisecond
	tryAgain = 20 * time.Millisecond

	// apiLimit is for one answer: JetStream checks a log's messages before it answers that
	// it has a snapshot.
	apiLimit = time.Minute
)

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
	return errors.Is(err, nats.ErrNoResponders) || errors.As(err, &refused) && refused.Code == http.StatusServiceUnavailable
}

// api asks JetStream's API for something that the client library does not offer. It
// returns the answer's error, too.
func api(ctx context.Context, conn *nats.Conn, subject string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, apiLimit)
	defer cancel()
	msg, err := conn.RequestWithContext(ctx, subject, body)
	if err != nil {
		return err
	}
	return parseAnswer(msg.Data, answer)
}

// parseAnswer reads an answer of JetStream's API, and returns the error that it has.
func parseAnswer(text []byte, answer any) error {
	var failed struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(text, &failed); err != nil {
		return err
	}
	if failed.Error != nil {
		return failed.Error
	}
	return json.Unmarshal(text, answer)
}
