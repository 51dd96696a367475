package natslog

import "context"

const damagePage = 256

// reportDamage counts the damaged lines of a log of one server.
func (l *Log) reportDamage(ctx context.Context) {
	if l.opts.Cluster != nil {
		return
	}
	if err := l.countDamage(ctx); err != nil && ctx.Err() == nil {
		l.logger.Warn("the chat log cannot be read through for damage", "err", err)
	}
}

// countDamage reads the log of one server once, and reports the lines that are gone
// between the first and the last: JetStream leaves out a line that fails its checksum, and
// finds that out when it reads it. A cluster's member gets its lines from the others.
func (l *Log) countDamage(ctx context.Context) error {
	b, err := l.Bounds(ctx)
	if err != nil {
		return err
	}
	gone, first := uint64(0), uint64(0)
	for next := b.First; next <= b.Last; {
		lines, _, err := l.get(ctx, getRequest{Seq: next, NextFor: subjects, Batch: damagePage})
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			gone += b.Last - next + 1
			break
		}
		for _, m := range lines {
			if m.Seq > next && !l.trimmedTo(ctx, m.Seq) {
				if gone += m.Seq - next; first == 0 {
					first = next
				}
			}
			next = m.Seq + 1
		}
	}
	if l.damagedLines.Set(float64(gone)); gone > 0 {
		l.logger.Error("lines of the chat log are damaged and left out: put a copy of its folder back if they are needed",
			"dir", l.opts.Dir, "lines", gone, "seq", first)
	}
	return nil
}

// trimmedTo reports whether the log has been trimmed up to a line meanwhile.
func (l *Log) trimmedTo(ctx context.Context, seq uint64) bool {
	b, err := l.Bounds(ctx)
	return err == nil && seq <= b.First
}
