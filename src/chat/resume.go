package chat

import (
	"context"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wait"
	"chatlab/src/wire"
)

// page is how many lines are read from the log at once.
const page = 256

// resume puts the connection into a room and first sends what the log holds
// after a number. Lines up to where the room takes over come from the log, those
// after it from the room: none is missing and none comes twice.
func (c *session) resume(ctx context.Context, hello wire.Hello) error {
	ctx, cancel := context.WithTimeout(ctx, resumeLimit)
	defer cancel()
	w := wire.Welcome{Room: hello.Room}
	var err error
	if w.Seq, w.HistoryLost, err = c.place(ctx, *hello.Resume, hello.Epoch); err != nil {
		return errs.Wrap(err, errs.Unavailable, "the server waits for its log, try again later")
	}
	if err := c.server.hub.reach(ctx, w.Seq); err != nil {
		return errs.Wrap(err, errs.Unavailable, "the server is behind its log, try again later")
	}
	c.server.stats.resumes.Inc()
	if err := c.writer.acquire(ctx); err != nil {
		return err
	}
	if err := c.replay(w); err != nil {
		c.writer.release()
		return err
	}
	c.writer.release()
	return nil
}

// place returns the number after which a client goes on that has the lines of an epoch
// up to seq. lost is true when the log does not know the epoch: the client then gets the
// room from the beginning. Earlier clients name no epoch.
func (c *session) place(ctx context.Context, seq uint64, epoch string) (after uint64, lost bool, err error) {
	if epoch != "" {
		var known bool
		if seq, known, err = c.server.log.After(ctx, epoch, seq); err != nil {
			return 0, false, err
		}
		if lost = !known; lost {
			seq = 0
		}
	}
	bounds, err := c.boundsWith(ctx, seq)
	return max(min(seq, bounds.Last), bounds.First-1), lost, err
}

// resumeLimit is how long a log may take to say where it ends: less than a client
// with several addresses waits for a greeting, so that it is told to try another.
const resumeLimit = 2 * time.Second

// behindLimit and behindEvery are how long, and how often, a log that lacks a line
// which a client has seen is asked for it again: of several servers that were all
// killed the one that leads first has not all at once.
const (
	behindLimit = time.Second
	behindEvery = 50 * time.Millisecond
)

// boundsWith returns the log's bounds, once it has a line or will not have it.
func (c *session) boundsWith(ctx context.Context, seq uint64) (Bounds, error) {
	limit, cancel := context.WithTimeout(ctx, behindLimit)
	defer cancel()
	var b Bounds
	var err error
	wait.Until(limit, behindEvery, func() bool {
		b, err = c.server.log.Bounds(ctx)
		return err != nil || b.Last >= seq
	})
	return b, err
}

// replay greets, sends the history, and attaches. The session owns the writer. It ends
// with the token, and with the server: a reader that takes nothing is not waited for.
func (c *session) replay(w wire.Welcome) error {
	room, after := w.Room, w.Seq
	c.setReplaying(true)
	defer c.setReplaying(false)
	defer time.AfterFunc(time.Until(c.ends), c.writer.hurry).Stop()
	if err := c.writer.put(c.welcome(w)); err != nil {
		return c.ended(err)
	}
	// While whole pages are missing the room must not wait for this reader.
	for full := true; full; {
		var err error
		if after, full, err = c.replayPage(room, after, 0); err != nil {
			return err
		}
	}
	// The log may be ahead of the rooms: lines read there must not come from
	// the room a second time.
	ctx, cancel := c.patience()
	defer cancel()
	if err := c.server.hub.reach(ctx, after); err != nil {
		return errs.Wrap(err, errs.Unavailable, "the server is behind its log, try again later")
	}
	upTo := c.server.hub.attach(&c.member, room)
	for after < upTo {
		var full bool
		var err error
		if after, full, err = c.replayPage(room, after, upTo); err != nil {
			c.server.hub.detach(&c.member)
			return err
		}
		if !full {
			break
		}
	}
	return nil
}

// replayPage sends the lines of a page that are not beyond upTo (0: all), and
// returns the last one's number, and whether there may be more.
func (c *session) replayPage(room string, after, upTo uint64) (last uint64, full bool, err error) {
	if err := c.ended(nil); err != nil {
		return after, false, err
	}
	ctx, cancel := c.patience()
	defer cancel()
	var out []byte
	err = c.server.resume.do(ctx, c.member.user, func() (err error) {
		out, last, full, err = c.renderPage(ctx, room, after, upTo)
		return err
	})
	if err != nil {
		return after, false, errs.Wrap(err, errs.Unavailable, "the history cannot be read, try again later")
	}
	return last, full, c.ended(c.writer.put(out))
}

// renderPage reads a page in the session's mode. full is as of replayPage.
func (c *session) renderPage(ctx context.Context, room string, after, upTo uint64) (out []byte, last uint64, full bool, err error) {
	lines, err := c.server.log.Read(ctx, room, after, page)
	if err != nil {
		return nil, after, false, err
	}
	for _, m := range lines {
		if upTo > 0 && m.Seq > upTo {
			return out, after, false, nil
		}
		after = m.Seq
		if c.plain {
			out = wire.AppendPlain(out, m)
		} else {
			out = wire.AppendMessage(out, m)
		}
	}
	return out, after, len(lines) == page, nil
}

// ended returns the reason for the session's end if its token or the server has ended,
// else err.
func (c *session) ended(err error) error {
	if c.isStopped() || c.faulty() != nil || !time.Now().Before(c.ends) {
		return c.why(errs.E(errs.Timeout, "the session has ended"))
	}
	return err
}
