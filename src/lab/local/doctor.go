package local

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/local/proc"
	"chatlab/src/lab/local/supervisor"
)

// startable is the part of the doctor's work that every `up` repeats: what
// would make a service fail that is known beforehand. Code usage.
func (t *Target) startable() error {
	for _, f := range slices.Concat(t.programs(), t.ports()) {
		if f.Result == Fail {
			return f.refusal()
		}
	}
	return nil
}

// refusal is the error of a finding that stops `up`.
func (f *Finding) refusal() error {
	return errs.E(errs.Usage, "%s: %s", f.What, f.Why).WithFix("%s", f.Fix)
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
			f.taken(b.addr, supervisor.Folder(t.run()))
		default:
			f.Result, f.Why, f.Fix = Fail, err.Error(), "choose another port in the inventory"
		}
		out = append(out, f)
	}
	return out
}

// taken names the holder of an address, if it can be found. own is the folder of this lab's
// supervisor.
func (f *Finding) taken(addr, own string) {
	p, known := proc.Listener(addr)
	if !known {
		f.Result, f.Why, f.Fix = Fail, "the address is in use", "find its holder with `ss -ltnp`, or choose another port in the inventory"
		return
	}
	switch of := supervisor.FolderOf(p.PID); of {
	case own:
		f.Why = "held by this lab, which is up"
	case "":
		f.Result, f.Why = Fail, fmt.Sprintf("process %d (%s) holds the address", p.PID, p.Name)
		f.Fix = fmt.Sprintf("stop it: `kill %d`, or choose another port in the inventory", p.PID)
	default:
		state := filepath.Dir(of)
		f.Result, f.Why = Fail, fmt.Sprintf("process %d (%s) holds the address, of the lab in %s", p.PID, p.Name, state)
		f.Fix = "take that lab down: `lab down --state " + lab.Shell(state) + "`"
	}
}
