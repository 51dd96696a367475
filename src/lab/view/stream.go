package view

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Limits of streams.
const (
	maxStreams  = 32
	writeLimit  = 5 * time.Second
	aliveEvery  = 2 * time.Second // a browser hears something that often
	retryMillis = 1000            // after which a browser asks again
)

// watched is what a page shows: its parts, and a channel that is closed when there are
// newer ones.
type watched interface {
	now() (Parts, <-chan struct{}, error)
}

// stream sends all parts, then those that have changed, until the browser leaves or ctx
// ends.
func stream(ctx context.Context, places chan struct{}, of func(*http.Request) (watched, bool)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		what, ok := of(r)
		if !ok {
			http.Error(w, "This lab does not run any more.", http.StatusNotFound)
			return
		}
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		default:
			http.Error(w, "Too many pages are open.", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		out := &eventWriter{w, http.NewResponseController(w)}
		_ = out.ctrl.SetReadDeadline(time.Time{}) // that of a request is too short for a stream
		if !out.write(fmt.Sprintf("retry: %d\n\n", retryMillis)) {
			return
		}
		follow(ctx, r.Context(), what, out)
	}
}

func follow(ctx, browser context.Context, what watched, out *eventWriter) {
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	var sent Parts
	for {
		now, next, err := what.now()
		if err != nil {
			return
		}
		if news := changed(sent, now); len(news) > 0 || sent == nil {
			if !out.parts(news) {
				return
			}
			sent = now
		}
		select {
		case <-next:
		case <-alive.C:
			if !out.parts(Parts{}) {
				return
			}
		case <-browser.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// eventWriter writes server-sent events.
type eventWriter struct {
	w    http.ResponseWriter
	ctrl *http.ResponseController
}

func (e *eventWriter) parts(p Parts) bool {
	var text strings.Builder
	enc := json.NewEncoder(&text) // one line
	enc.SetEscapeHTML(false)      // nobody reads it as HTML, and it is a third shorter
	return enc.Encode(p) == nil && e.write("event: parts\ndata: "+text.String()+"\n")
}

func (e *eventWriter) write(text string) bool {
	_ = e.ctrl.SetWriteDeadline(time.Now().Add(writeLimit))
	if _, err := e.w.Write([]byte(text)); err != nil {
		return false
	}
	return e.ctrl.Flush() == nil
}
