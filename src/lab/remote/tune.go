package remote

import (
	"context"

	"chatlab/src/errs"
	"chatlab/src/lab"
)

// own is what a service's own configuration is kept as while another one is
// in its place.
const own = ".own"

// Override implements [lab.Tunable]. The service's own file is kept beside the
// changed one and put back; its owner and mode stay.
func (h *Host) Override(ctx context.Context, service string, settings map[string]any) error {
	path := etc + service + ".yml"
	if len(settings) == 0 {
		if _, err := h.script(ctx, `[ ! -e "$1$2" ] || mv "$1$2" "$1"`, path, own); err != nil {
			return err
		}
		return h.renew(ctx, service)
	}
	const keep = `[ -e "$1" ] || exit 44; [ -e "$1$2" ] || cp -p "$1" "$1$2"; cat "$1$2"`
	text, err := h.script(ctx, keep, path, own)
	if err != nil {
		return errs.E(errs.NotFound, "%s has no configuration on %s: %w", service, h.name, err)
	}
	changed, err := lab.WithSettings([]byte(text), settings)
	if err != nil {
		return err
	}
	if err := h.rewrite(ctx, path, string(changed)); err != nil {
		return err
	}
	return h.renew(ctx, service)
}

// renew restarts a service, or starts it.
func (h *Host) renew(ctx context.Context, service string) error {
	return h.Do(ctx, service, lab.Restart)
}

// Dir implements [lab.Tunable].
func (h *Host) Dir(service string) (string, error) {
	dir := data + service
	ctx, cancel := context.WithTimeout(context.Background(), h.link.allow(readyLimit))
	defer cancel()
	if _, err := h.Run(ctx, "test", "-d", dir); err != nil {
		return "", errs.E(errs.NotFound, "%s has no data on %s", service, h.name)
	}
	return dir, nil
}
