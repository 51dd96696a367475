package check

import (
	"context"
	"net/http"
)

// vipChecks proves, where a lab has addresses that move between its machines,
// that each answers as its service.
func vipChecks(j *Journey) []Check {
	hint := "keepalived's log on the members (`journalctl -u keepalived`), and whether one of them is ready (`lab check ops.ready`)"
	var checks []Check
	if vip := j.lab.Inventory.VIP(partAuth); vip != "" {
		checks = append(checks, j.group(partAuth, hint, []Check{
			{Name: "auth.vip", Text: "the auth server knows a user at the address that moves", Run: func(ctx context.Context, e *Env) error { return e.authVIP(ctx, vip) }},
		})...)
	}
	if vip := j.lab.Inventory.VIP(partChat); vip != "" {
		checks = append(checks, j.group(partChat, hint, []Check{
			{Name: "chat.vip", Text: "a user comes in at the address that moves", Run: func(ctx context.Context, e *Env) error { return e.chatVIP(ctx, vip) }},
		})...)
	}
	return checks
}

func (e *Env) authVIP(ctx context.Context, vip string) error {
	p, err := e.member(0)
	if err != nil {
		return err
	}
	// No sign-in: the event of the journey's own has to be the only one.
	r, err := e.authAt(ctx, vip, call{method: http.MethodGet, path: "/auth/getuser/" + p.name})
	if err != nil {
		return err
	}
	e.answers(r, http.StatusOK, jsonText(map[string]string{"id": p.name}))
	return nil
}

func (e *Env) chatVIP(ctx context.Context, vip string) error {
	p, err := e.member(0)
	if err != nil {
		return err
	}
	s, err := e.dialChatAt(ctx, vip, p.token)
	if err != nil {
		return err
	}
	defer s.close()
	line, err := s.line()
	if err != nil {
		return err
	}
	e.Same("first line of "+vip, "connected.", line)
	return nil
}
