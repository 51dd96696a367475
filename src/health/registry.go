package health

import (
	"context"
	"slices"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/zbx"
)

// Check answers one item key.
type Check interface {
	// Key returns the item key's name, without parameters.
	Key() string
	// About says what the value is, in one line, its parameters first.
	About() string
	// Run returns the value. Fails with code bad_request when the parameters
	// make no sense, failed when there is no value; it returns when ctx ends.
	Run(ctx context.Context, params []string) (string, error)
}

// timeout bounds one check: less than a server's default of 3 s.
const timeout = 2500 * time.Millisecond

// Registry finds the check of a key.
type Registry struct {
	checks []Check
}

// NewRegistry makes a registry of checks, sorted by key.
func NewRegistry(checks ...Check) *Registry {
	r := &Registry{checks: slices.Clone(checks)}
	slices.SortFunc(r.checks, func(a, b Check) int { return strings.Compare(a.Key(), b.Key()) })
	return r
}

// Checks returns all checks, sorted by key.
func (r *Registry) Checks() []Check { return r.checks }

// Value returns the value of an item key. Fails with bad_request, not_found (an
// unknown key) and failed.
func (r *Registry) Value(ctx context.Context, key string) (string, error) {
	name, params, err := zbx.ParseKey(key)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(r.checks, func(c Check) bool { return c.Key() == name })
	if i < 0 {
		// In the words of Zabbix's agent.
		return "", errs.E(errs.NotFound, "Unsupported item key.").WithFix("`healthd list` names the keys")
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	value, err := r.checks[i].Run(ctx, params)
	if err != nil && ctx.Err() != nil {
		return "", errs.Wrap(err, errs.Failed, "Timeout while the check was running.")
	}
	return value, err
}

// noParams refuses parameters.
func noParams(params []string) error {
	if len(params) > 0 && !(len(params) == 1 && params[0] == "") {
		return errs.E(errs.BadRequest, "Too many parameters.")
	}
	return nil
}
