package local

import (
	"errors"
	"net"
	"os"
	"slices"
	"syscall"

	"chatlab/src/errs"
	"chatlab/src/lab/local/proc"
	"chatlab/src/lab/local/supervisor"
)

// startable is the part of the doctor's work that every `up` repeats: what
// would make a service fail that is known beforehand. Code usage.
func (t *Target) startable() error {
	for _, f := range append(t.programs(), t.ports()...) {
		if f.Result == Fail {
			return errs.E(errs.Usage, "%s: %s", f.What, f.Why).WithFix("%s", f.Fix)
		}
	}
	return nil
}

// programs looks for the binaries.
func (t *Target) programs() []Finding {
	var out []Finding
	for _, name := range binaries() {
		f := Finding{Name: "program." + name, What: t.binary(name), Result: OK}
		info, err := os.Stat(f.What)
		switch {
		case err != nil:
			f.Result, f.Why, f.Fix = Fail, "there is no such program", "build it: `make build`"
		case info.IsDir() || info.Mode()&0o111 == 0:
			f.Result, f.Why, f.Fix = Fail, "it is not an executable file", "build it again: `make build`"
		}
		out = append(out, f)
	}
	return out
}

// ports binds every address for a moment, the surest way to know that it can
// be. Those that this lab itself holds are well.
func (t *Target) ports() []Finding {
	own := supervisor.Marked(t.run())
	var out []Finding
	for _, b := range t.addresses() {
		f := Finding{Name: "address." + b.name, What: b.what + ", " + b.addr, Result: OK}
		ln, err := net.Listen("tcp", b.addr)
		switch {
		case err == nil:
			_ = ln.Close()
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			f.Result, f.Why = Fail, "this machine has no such address"
			f.Fix = "use an inventory of loopback addresses (ansible/inventories/local), or give the machine the address"
		case errors.Is(err, syscall.EADDRINUSE):
			f.taken(b.addr, own)
		default:
			f.Result, f.Why, f.Fix = Fail, err.Error(), "choose another port in the inventory"
		}
		out = append(out, f)
	}
	return out
}

// taken says who has an address, if it can be told.
func (f *Finding) taken(addr string, own []proc.Process) {
	p, known := proc.Listener(addr)
	if known && slices.ContainsFunc(own, func(q proc.Process) bool { return q.PID == p.PID }) {
		f.Why = "held by this lab, which is up"
		return
	}
	f.Result, f.Why, f.Fix = Fail, "the address is in use", "find its holder with `ss -ltnp`, or choose another port in the inventory"
	if known {
		f.Why = "process " + itoa(p.PID) + " (" + p.Name + ") holds the address"
		f.Fix = "stop it: `kill " + itoa(p.PID) + "`, or choose another port in the inventory"
	}
	if state := labOf(p.PID); known && state != "" {
		f.Why += ", of the lab in " + state
		f.Fix = "take that lab down: `lab down --state " + state + "`"
	}
}
