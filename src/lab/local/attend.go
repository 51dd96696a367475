package local

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"strconv"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
)

// Attend implements [lab.Attended].
func (h host) Attend(ctx context.Context, s lab.Streams, argv ...string) error {
	if len(argv) == 0 {
		return errs.E(errs.Usage, "no command")
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, s.Err
	if err := cmd.Run(); err != nil && ctx.Err() == nil {
		return errs.E(errs.Failed, "%s on %s: %w", argv[0], h.node, err)
	}
	return ctx.Err()
}

// Logs implements [lab.Attended]: each service has a file.
func (h host) Logs(ctx context.Context, service string, want lab.Logs, out io.Writer) error {
	path, err := h.logFile(service)
	if err != nil {
		return err
	}
	lines := "+1"
	if want.Lines >= 0 && want.Since.IsZero() {
		lines = strconv.Itoa(want.Lines)
	}
	argv := []string{"tail", "--silent", "--lines=" + lines}
	if want.Follow {
		argv = append(argv, "--follow=name", "--retry")
	}
	var diag bytes.Buffer
	err = h.Attend(ctx, lab.Streams{Out: &sinceWriter{out: out, since: want.Since}, Err: &diag}, append(argv, "--", path)...)
	if err != nil && ctx.Err() == nil && diag.Len() > 0 {
		return errs.E(errs.Failed, "log of %s on %s: %s", service, h.node, bytes.TrimSpace(diag.Bytes()))
	}
	return err
}

func (h host) logFile(service string) (string, error) {
	for _, s := range h.t.known() {
		if s.Node == h.node && (s.Name == service || s.Child != nil && s.Child.Name == service) {
			return s.Log, nil
		}
	}
	return "", errs.E(errs.NotFound, "no service %s on %s", service, h.node)
}

// sinceWriter passes on lines from a time on: those of a daemon begin with time=, others
// belong to the line before them.
type sinceWriter struct {
	out   io.Writer
	since time.Time
	on    bool
	part  []byte // of a line
}

func (w *sinceWriter) Write(p []byte) (int, error) {
	if w.since.IsZero() {
		return w.out.Write(p)
	}
	w.part = append(w.part, p...)
	for {
		i := bytes.IndexByte(w.part, '\n')
		if i < 0 {
			return len(p), nil
		}
		line := w.part[:i+1]
		w.part = w.part[i+1:]
		if !w.wanted(line) {
			continue
		}
		if _, err := w.out.Write(line); err != nil {
			return 0, err
		}
	}
}

func (w *sinceWriter) wanted(line []byte) bool {
	if rest, ok := bytes.CutPrefix(line, []byte("time=")); ok {
		text, _, _ := bytes.Cut(rest, []byte(" "))
		if at, err := time.Parse(time.RFC3339Nano, string(text)); err == nil {
			w.on = !at.Before(w.since)
		}
	}
	return w.on
}

var _ lab.Attended = host{}
