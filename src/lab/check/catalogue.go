package check

import (
	"context"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
)

// Catalogue returns all checks of a lab, in the order of the user's journey.
func Catalogue(j *Journey) []Check {
	var all []Check
	for _, part := range []func(*Journey) []Check{authChecks, chatChecks, clusterChecks, vipChecks, eventChecks, healthChecks, opsChecks, netChecks, matrixChecks, hostChecks, zabbixChecks, grafanaChecks} {
		all = append(all, part(j)...)
	}
	return append(all, secretChecks()...)
}

// upTimeout is how long a lab's listeners have to take a connection.
const upTimeout = 2 * time.Second

// Up tells, with code usage, that a lab is not up: none of its public listeners
// takes a connection. One that does is enough: what the others lack is for the
// checks to say.
func Up(ctx context.Context, l *lab.Lab) error {
	limit, cancel := context.WithTimeout(ctx, lab.Allow(l.Target, upTimeout))
	defer cancel()
	var silent []string
	for _, part := range []string{partAuth, partChat} {
		for _, addr := range l.Inventory.Addresses(part) {
			if answers(limit, outside, addr) == nil {
				return nil
			}
			silent = append(silent, part+" at "+addr)
		}
	}
	return errs.E(errs.Usage, "the lab is not up: no answer from %s; `lab up` brings it up", strings.Join(silent, " nor "))
}
