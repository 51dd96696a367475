package local

import (
	"path/filepath"

	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local/supervisor"
	"chatlab/src/mtls"
)

// fits tells why this target cannot bring up an inventory. Code usage.
func (t *Target) fits() error {
	for _, one := range []struct{ service, why string }{
		{inventory.Authd, "its users are in an SQLite file"},
		{inventory.MongoDB, "the embedded database has no replicas"},
	} {
		if n := len(t.inv.Members(one.service)); n != 1 {
			return errs.E(errs.Usage, "target local runs one %s, since %s; %s names %d", one.service, one.why, t.inv.Path, n).
				WithFix("leave one host in group %s, or choose another target", one.service)
		}
	}
	for _, service := range []string{inventory.Authd, inventory.Chatd} {
		if vip := t.inv.VIP(service); vip != "" {
			return errs.E(errs.Usage, "target local has no machines that %s could move between; %s names it", vip, t.inv.Path).
				WithFix("remove auth_vip and chat_vip, or choose another target")
		}
	}
	return nil
}

// services lists the processes of the lab in the order of their start.
func (t *Target) services() []supervisor.Service {
	var out []supervisor.Service
	for _, n := range t.inv.Members(inventory.MongoDB) {
		out = append(out, t.mongod(n))
	}
	for _, n := range t.inv.Members(inventory.Logd) {
		out = append(out, t.daemon(inventory.Logd, n, inventory.MongoDB))
	}
	for _, name := range []string{inventory.Authd, inventory.Chatd} {
		for _, n := range t.inv.Members(name) {
			svc := t.daemon(name, n, inventory.Logd)
			svc.Child = &supervisor.Child{
				Name: name + "-logger", Executable: resolved(t.binary("logger")), Ops: t.inv.OpsAddress(name+"_logger", n),
			}
			out = append(out, svc)
		}
	}
	for _, n := range t.inv.Members(inventory.Healthd) {
		out = append(out, t.daemon(inventory.Healthd, n, inventory.Authd, inventory.Chatd))
	}
	return out
}

func (t *Target) daemon(name string, n inventory.Node, after ...string) supervisor.Service {
	return supervisor.Service{
		Node: n.Name, Name: name, Address: t.inv.Address(name, n), Ops: t.inv.OpsAddress(name, n),
		Argv: []string{t.binary(name), "--config", t.configPath(name, n)},
		Log:  t.log(n.Name, name), After: after,
	}
}

func (t *Target) mongod(n inventory.Node) supervisor.Service {
	addr := t.inv.Address(inventory.MongoDB, n)
	files := t.files(n, string(mtls.MongoDB))
	return supervisor.Service{
		Node: n.Name, Name: inventory.MongoDB, Address: addr,
		Argv: []string{t.binary("lab"), "mongod", "--listen", addr, "--dir", t.data(n.Name, "mongodb"),
			"--ca", files.CA, "--cert", files.Cert, "--key", files.Key},
		Log: t.log(n.Name, inventory.MongoDB),
	}
}

// resolved returns a path as the kernel names a program: without links.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// binaries are the programs that the lab runs, and the client.
func binaries() []string {
	return []string{"lab", "authd", "chatd", "logd", "logger", "healthd", "client"}
}

// addresses lists every host:port that the lab binds, with what binds it.
func (t *Target) addresses() []bound {
	var out []bound
	for _, s := range t.services() {
		out = append(out, bound{s.Address, s.Node + "." + s.Name, s.Name + " on " + s.Node})
		if s.Ops != "" {
			out = append(out, bound{s.Ops, s.Node + "." + s.Name + ".ops", s.Name + "'s ops listener on " + s.Node})
		}
		if s.Child != nil {
			out = append(out, bound{s.Child.Ops, s.Node + "." + s.Child.Name + ".ops", s.Child.Name + "'s ops listener on " + s.Node})
		}
	}
	return out
}

type bound struct{ addr, name, what string }
