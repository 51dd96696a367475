package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"chatlab/src/event"
	"chatlab/src/mongodb"
)

// How the event log is followed. Its order is that of the events' birth, and
// one that waited in a spool is stored behind younger ones: so young events
// is read often, and a longer while is read again when its number of events
// says that one came late.
const (
	followEvery = 300 * time.Millisecond
	recently    = 5 * time.Second
	lateEvery   = 20 // times followEvery
	lateWindow  = 10 * time.Minute
)

// follow prints each new event once, until ctx ends. seen holds the hex
// ObjectIDs of those that were printed, with their times.
func follow(ctx context.Context, log *mongodb.Log, f mongodb.Filter, seen map[string]time.Time, p *eventPrinter) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	start := f.Since
	if start.IsZero() {
		start = time.Now() // what is older was asked for with -n, or not at all
		for _, t := range seen {
			if t.Before(start) {
				start = t
			}
		}
	}
	for n := 1; p.err == nil; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		now := time.Now()
		if err := showNew(ctx, log, f, later(start, now.Add(-recently)), seen, p); err != nil {
			return err
		}
		if n%lateEvery == 0 {
			if err := showLate(ctx, log, f, later(start, now.Add(-lateWindow)), seen, p); err != nil {
				return err
			}
		}
	}
	return p.err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// showNew prints the events since a time that were not seen yet.
func showNew(ctx context.Context, log *mongodb.Log, f mongodb.Filter, since time.Time, seen map[string]time.Time, p *eventPrinter) error {
	f.Since = since
	for r, err := range log.Find(ctx, f, event.ID{}) {
		if err != nil {
			return err
		}
		if id := r.Event.ID.String(); seen[id].IsZero() {
			seen[id] = r.Event.Time()
			p.print(r)
		}
	}
	return nil
}

// showLate prints the events of the long window that were stored late, and
// forgets older events.
func showLate(ctx context.Context, log *mongodb.Log, f mongodb.Filter, since time.Time, seen map[string]time.Time, p *eventPrinter) error {
	since = since.Truncate(time.Second) // as the database compares
	f.Since = since
	stored, err := log.Count(ctx, f)
	if err != nil {
		return err
	}
	known := int64(0)
	for id, t := range seen {
		switch {
		case !t.Before(since):
			known++
		case t.Before(since.Add(-lateWindow)):
			delete(seen, id)
		}
	}
	if stored == known {
		return nil
	}
	return showNew(ctx, log, f, since, seen, p)
}

// eventPrinter prints events until its writer fails.
type eventPrinter struct {
	out  io.Writer
	json bool
	err  error
}

func (p *eventPrinter) print(r mongodb.Record) {
	if p.err != nil {
		return
	}
	if !p.json {
		_, p.err = fmt.Fprintln(p.out, r.DateTime, visible(r.Server), visible(r.Category), visible(r.Subject), visible(r.Data))
		return
	}
	enc := json.NewEncoder(p.out)
	enc.SetEscapeHTML(false)
	p.err = enc.Encode(struct {
		ID       string `json:"_id"`
		DateTime string `json:"date_time"`
		Server   string `json:"server"`
		Category string `json:"category"`
		Subject  string `json:"id"`
		Data     string `json:"data"`
	}{r.Event.ID.String(), r.DateTime, r.Server, r.Category, r.Subject, r.Data})
}

// visible shows control characters and terminal escapes, which users may have
// sent, as \u{1b}, so that they do nothing to the reader's terminal.
func visible(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsGraphic(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
	}
	return b.String()
}
