package health

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"slices"
	"strconv"
	"time"

	"chatlab/src/errs"
	"chatlab/src/mtls"
)

// Services are the addresses of the lab's services; the ops listener of each
// member stands at the same place in the list beside.
type Services struct {
	Auth    []string `mapstructure:"auth" usage:"host:port of each authd"`
	AuthOps []string `mapstructure:"auth_ops" usage:"host:port of each authd's ops listener, in the same order"`
	Chat    []string `mapstructure:"chat" usage:"host:port of each chatd"`
	ChatOps []string `mapstructure:"chat_ops" usage:"host:port of each chatd's ops listener, in the same order"`
	Logd    []string `mapstructure:"logd" usage:"host:port of each logd"`
	LogdOps []string `mapstructure:"logd_ops" usage:"host:port of each logd's ops listener, in the same order"`

	AuthTLS bool   `mapstructure:"auth_tls" usage:"authd speaks HTTPS"`
	ChatTLS bool   `mapstructure:"chat_tls" usage:"chatd speaks TLS"`
	CA      string `mapstructure:"ca" usage:"PEM file of the CA of authd's and chatd's certificates (default the system's)"`

	AuthLoggerOps []string `mapstructure:"auth_logger_ops" usage:"host:port of the ops listener of each authd's logger"`
	ChatLoggerOps []string `mapstructure:"chat_logger_ops" usage:"host:port of the ops listener of each chatd's logger"`
}

// opsOf returns the ops listeners of a daemon by its name in item keys.
func (s Services) opsOf(name string) ([]string, bool) {
	lists := map[string][]string{"auth": s.AuthOps, "chat": s.ChatOps, "logd": s.LogdOps, "auth_logger": s.AuthLoggerOps, "chat_logger": s.ChatLoggerOps}
	list, ok := lists[name]
	return list, ok
}

// members returns the members of the service that the first parameter names, or the one
// at the address that the second names.
func (s Services) members(params ...string) ([]member, probe, error) {
	all, err := s.list()
	if err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(all, func(one service) bool { return one.name == params[0] })
	if i < 0 {
		return nil, nil, errs.E(errs.BadRequest, "There is no service %q: give auth, chat or logd.", clip(params[0]))
	}
	one := all[i]
	if len(one.members) == 0 {
		return nil, nil, errs.E(errs.Failed, "No address of %s is configured.", one.name)
	}
	if len(params) == 1 || params[1] == "" {
		return one.members, one.probe, nil
	}
	for _, m := range one.members {
		if m.addr == params[1] {
			return []member{m}, one.probe, nil
		}
	}
	return nil, nil, errs.E(errs.BadRequest, "%s has no member at %q.", one.name, clip(params[1]))
}

// slowest returns the milliseconds that took takes with the member of a service at the
// address that is the parameter, or with the slowest of all. It asks one after the other:
// each makes work for the servers.
func (s Services) slowest(ctx context.Context, name string, params []string, took func(context.Context, member) (time.Duration, error)) (string, error) {
	if len(params) > 1 {
		return "", errs.E(errs.BadRequest, "Too many parameters.")
	}
	members, _, err := s.members(append([]string{name}, params...)...)
	if err != nil {
		return "", err
	}
	var slowest time.Duration
	for _, m := range members {
		d, err := took(ctx, m)
		if err != nil {
			return "", err
		}
		slowest = max(slowest, d)
	}
	return strconv.FormatFloat(float64(slowest.Microseconds())/1000, 'f', 3, 64), nil
}

// discovery returns a JSON array with an object for each member of the service, or of
// all, for Zabbix's low-level discovery. Its macros are {#SERVICE}, {#MEMBER} (host:port),
// {#ADDRESS}, {#PORT}, {#OPS} (host:port or "") and {#NODE}, the node that was asked.
func (s Services) discovery(node string) func(context.Context, []string) (string, error) {
	return func(_ context.Context, params []string) (string, error) {
		only, err := oneOf(params, "auth", "chat", "logd")
		if err != nil {
			return "", err
		}
		all, err := s.list()
		if err != nil {
			return "", err
		}
		found := []map[string]string{}
		for _, one := range all {
			if only != "" && one.name != only {
				continue
			}
			for _, m := range one.members {
				host, port, _ := net.SplitHostPort(m.addr) // was checked
				found = append(found, map[string]string{
					"{#SERVICE}": one.name, "{#MEMBER}": m.addr, "{#ADDRESS}": host, "{#PORT}": port, "{#OPS}": m.ops, "{#NODE}": node,
				})
			}
		}
		text, err := json.Marshal(found)
		return string(text), err
	}
}

// service is one of them by name.
type service struct {
	name    string
	members []member
	probe   probe
}

type member struct {
	addr, ops string
	tls       *tls.Config // nil: it speaks without
}

// edges returns the TLS configurations of authd and chatd; nil for those without. The
// CA is read each time, so a renewed one needs no restart. Fails with code usage.
func (s Services) edges() (auth, chat *tls.Config, err error) {
	if !s.AuthTLS && !s.ChatTLS {
		return nil, nil, nil
	}
	roots, err := mtls.Roots(s.CA)
	if err != nil {
		return nil, nil, err
	}
	if s.AuthTLS {
		auth = mtls.Caller(roots)
	}
	if s.ChatTLS {
		chat = mtls.Caller(roots)
	}
	return auth, chat, nil
}

// list checks the addresses and pairs them. Fails with code usage.
func (s Services) list() ([]service, error) {
	auth, chat, err := s.edges()
	if err != nil {
		return nil, err
	}
	edges := []*tls.Config{auth, chat, nil}
	out := []service{{name: "auth", probe: probeAuth}, {name: "chat", probe: probeChat}, {name: "logd", probe: probeLogd}}
	for i, lists := range [][2][]string{{s.Auth, s.AuthOps}, {s.Chat, s.ChatOps}, {s.Logd, s.LogdOps}} {
		name, addrs, ops := out[i].name, lists[0], lists[1]
		if len(ops) > 0 && len(ops) != len(addrs) {
			return nil, errs.E(errs.Usage, "services.%s_ops has %d addresses, services.%s has %d", name, len(ops), name, len(addrs)).
				WithFix("name the ops listener of each member, in the same order, or none")
		}
		for j, addr := range addrs {
			m := member{addr: addr, tls: edges[i]}
			if len(ops) > 0 {
				m.ops = ops[j]
			}
			for _, a := range []string{m.addr, m.ops} {
				if _, _, err := net.SplitHostPort(a); a != "" && err != nil {
					return nil, errs.E(errs.Usage, "services.%s: %w", name, err).WithFix("write host:port")
				}
			}
			out[i].members = append(out[i].members, m)
		}
	}
	return out, nil
}
