package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"chatlab/src/errs"
	"chatlab/src/lab"
)

var _ lab.Attended = (*Host)(nil)

// Attend implements [lab.Attended].
func (h *Host) Attend(ctx context.Context, s lab.Streams, argv ...string) error {
	if len(argv) == 0 {
		return errs.E(errs.Usage, "no command")
	}
	return h.link.attend(ctx, s, argv)
}

// Logs implements [lab.Attended]: the journal has what the units say.
func (h *Host) Logs(ctx context.Context, service string, want lab.Logs, out io.Writer) error {
	parent, _ := strings.CutSuffix(service, "-logger")
	unit, err := h.unit(parent)
	if err != nil {
		return err
	}
	argv := []string{"journalctl", "--unit=" + unit, "--output=short-iso", "--no-pager"}
	if !want.Since.IsZero() {
		argv = append(argv, fmt.Sprintf("--since=@%d", want.Since.Unix()))
	}
	if want.Lines >= 0 {
		argv = append(argv, "--lines="+strconv.Itoa(want.Lines))
	}
	if want.Follow {
		argv = append(argv, "--follow")
	}
	return h.link.attend(ctx, lab.Streams{Out: out, Err: out}, argv)
}

// attend runs a command with streams of the caller. Code failed.
func (l *link) attend(ctx context.Context, s lab.Streams, argv []string) error {
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var session *ssh.Session
	err := l.use(ctx, func(client *ssh.Client) (err error) {
		if session, err = client.NewSession(); err != nil {
			return errors.Join(errBroken, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	defer func() { _ = session.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = session.Close() })
	defer stop()
	session.Stdin, session.Stdout, session.Stderr = s.In, s.Out, s.Err
	if err := session.Run(lab.Shell(l.asRoot(argv)...)); err != nil && ctx.Err() == nil {
		return errs.E(errs.Failed, "%s on %s: %w", argv[0], l.node, err)
	}
	return ctx.Err()
}

// SSH returns the command that logs in to a machine. Code not_found.
func (t *Target) SSH(node string) ([]string, error) {
	h, err := t.Machine(node)
	if err != nil {
		return nil, err
	}
	a := h.link.access
	argv := []string{"ssh", "-o", "UserKnownHostsFile=" + a.KnownHosts, "-p", a.Port}
	if a.Agent == "" {
		argv = append(argv, "-i", a.Key)
	}
	return append(argv, a.User+"@"+h.node.Public.String()), nil
}
