package health

import (
	"context"
	"strconv"
	"time"

	"chatlab/src/errs"
)

// memberLimit is how long a member may take: a machine without power never answers,
// and the count of the others must be there before the server's own limit.
const memberLimit = 1500 * time.Millisecond

// Members is chatlab.members[SERVICE]: how many of the service's members are up,
// as [Up] has it.
type Members struct{ up *Up }

// NewMembers makes the check.
func NewMembers(up *Up) Members { return Members{up} }

// Key implements [Check].
func (Members) Key() string { return "chatlab.members" }

// About implements [Check].
func (Members) About() string { return "[SERVICE] how many members of auth, chat or logd are up" }

// Run implements [Check].
func (m Members) Run(ctx context.Context, params []string) (string, error) {
	members, probe, err := m.up.all(params)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, memberLimit)
	defer cancel()
	return strconv.Itoa(serving(ctx, members, probe)), nil
}

// Expected is chatlab.expected[SERVICE]: how many members the service should have.
type Expected struct{ up *Up }

// NewExpected makes the check.
func NewExpected(up *Up) Expected { return Expected{up} }

// Key implements [Check].
func (Expected) Key() string { return "chatlab.expected" }

// About implements [Check].
func (Expected) About() string {
	return "[SERVICE] how many members of auth, chat or logd there should be"
}

// Run implements [Check].
func (e Expected) Run(_ context.Context, params []string) (string, error) {
	members, _, err := e.up.all(params)
	return strconv.Itoa(len(members)), err
}

// all are the members of the service that is the only parameter.
func (u *Up) all(params []string) ([]member, probe, error) {
	if len(params) != 1 {
		return nil, nil, errs.E(errs.BadRequest, "Give auth, chat or logd.")
	}
	return u.choose(params)
}
