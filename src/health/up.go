package health

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"chatlab/src/errs"
)

// Up is chatlab.up[SERVICE(,ADDRESS)]: 1 when the service's every member (or
// the one at the address) answers on its own protocol, and says on its ops
// listener, where one is configured, that it is ready; otherwise 0.
type Up struct {
	services []service
}

// NewUp makes the check. Fails with code usage.
func NewUp(s Services) (*Up, error) {
	services, err := s.list()
	return &Up{services}, err
}

// Key implements [Check].
func (*Up) Key() string { return "chatlab.up" }

// About implements [Check].
func (*Up) About() string {
	return "[SERVICE] 1 when every member of auth, chat or logd is up, else 0; [SERVICE,HOST:PORT] of one member"
}

// Run implements [Check].
func (u *Up) Run(ctx context.Context, params []string) (string, error) {
	members, probe, err := u.choose(params)
	if err != nil {
		return "", err
	}
	if serving(ctx, members, probe) < len(members) {
		return "0", nil
	}
	return "1", nil
}

// serving counts the members that are up.
func serving(ctx context.Context, members []member, probe probe) int {
	var up atomic.Int64
	var all sync.WaitGroup
	for _, m := range members {
		all.Go(func() {
			if probe(ctx, m) == nil && (m.ops == "" || probeReady(ctx, m.ops) == nil) {
				up.Add(1)
			}
		})
	}
	all.Wait()
	return int(up.Load())
}

func (u *Up) choose(params []string) ([]member, probe, error) {
	if len(params) == 0 || len(params) > 2 {
		return nil, nil, errs.E(errs.BadRequest, "Give auth, chat or logd, and perhaps a member's address.")
	}
	i := slices.IndexFunc(u.services, func(s service) bool { return s.name == params[0] })
	if i < 0 {
		return nil, nil, errs.E(errs.BadRequest, "There is no service %q: give auth, chat or logd.", clip(params[0]))
	}
	members, err := choose(u.services, params)
	return members, u.services[i].probe, err
}

// choose returns the members of the service that the first parameter names, or
// the one at the address that the second names.
func choose(services []service, params []string) ([]member, error) {
	i := slices.IndexFunc(services, func(s service) bool { return s.name == params[0] })
	s := services[i]
	if len(s.members) == 0 {
		return nil, errs.E(errs.Failed, "No address of %s is configured.", s.name)
	}
	if len(params) == 1 || params[1] == "" {
		return s.members, nil
	}
	for _, m := range s.members {
		if m.addr == params[1] {
			return []member{m}, nil
		}
	}
	return nil, errs.E(errs.BadRequest, "%s has no member at %q.", s.name, clip(params[1]))
}

// clip bounds what an answer repeats of a request.
func clip(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
