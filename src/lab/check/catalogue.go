package check

import (
	"context"
	"slices"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
)

// Catalogue returns all checks of a lab, in the order of the user's journey.
func Catalogue(j *Journey) []Check {
	var all []Check
	for _, part := range []func(*Journey) []Check{authChecks, chatChecks, edgeChecks, clusterChecks, vipChecks, eventChecks, healthChecks, opsChecks, netChecks, matrixChecks, hostChecks, zabbixChecks, grafanaChecks} {
		all = append(all, part(j)...)
	}
	return append(all, secretChecks()...)
}

// upTimeout is how long a lab has to say what runs.
const upTimeout = 10 * time.Second

// Up tells, with code usage, that a lab is not up: none of its services runs. It asks
// those that keep them running: at the lab's addresses another lab may answer. One that
// runs is enough: what the others lack is for the checks to say.
func Up(ctx context.Context, l *lab.Lab) error {
	limit, cancel := context.WithTimeout(ctx, lab.Allow(l.Target, upTimeout))
	defer cancel()
	rows, err := l.Target.Status(limit)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(rows, func(s lab.ServiceStatus) bool { return s.State != lab.Down }) {
		return nil
	}
	why := "none of its services runs"
	if len(rows) > 0 && rows[0].Reason != "" {
		why += ": " + rows[0].Reason
	}
	return errs.E(errs.Usage, "the lab is not up: %s", why).WithFix("`lab up` brings it up")
}
