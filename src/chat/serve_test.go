package chat_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/chat"
	"chatlab/src/testkit/chattest"
	"chatlab/src/wait"
	"chatlab/src/wire"
)

// ending is a log that ends at a given moment.
type ending struct {
	chat.Log
	end <-chan struct{}
}

func (l ending) Follow(context.Context, uint64, func([]wire.Message) error) error {
	<-l.end
	return nil
}

func TestServeEndsWhenTheLogEndsAtTheSameMoment(t *testing.T) {
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		srv, err := chat.New(chat.Options{
			Listen: "127.0.0.1:0", Log: ending{chattest.NewMemory(), ctx.Done()}, Tokens: ring, Limits: chat.DefaultLimits(),
			Metrics: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			_ = srv.Serve(ctx) // with the end of the log, or without an error
			close(ended)
		}()
		if !wait.Until(ctx, time.Millisecond, func() bool { return srv.Ready() == nil }) {
			t.Fatal("the server never followed its log")
		}
		cancel()
		late := time.NewTimer(patience)
		select {
		case <-ended:
		case <-late.C:
			t.Fatal("the server did not end")
		}
		late.Stop()
	}
}
