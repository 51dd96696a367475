package logd_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/logd"
)

func TestRetentionCountsTheRemovedAndTriesAgain(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	reg := prometheus.NewRegistry()
	calls := 0
	r := logd.NewRetention(func(_ context.Context, removed func(int64)) error {
		removed(500)
		removed(7)
		if calls++; calls == 2 {
			stop()
		}
		return errors.New("log database away")
	}, slog.New(slog.DiscardHandler), reg)
	r.Hasten()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	got, err := reg.Gather()
	if err != nil || len(got) != 1 || got[0].GetName() != "chatlab_logd_removed_total" || got[0].Metric[0].Counter.GetValue() != 1014 {
		t.Errorf("metrics %v, %v, want 1014 events removed", got, err)
	}
}

func TestWithoutRetentionNothingIsRemoved(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := logd.NewRetention(nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry()).Run(ctx); err != nil {
		t.Fatal(err)
	}
}
