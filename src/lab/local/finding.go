package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab"
	"chatlab/src/lab/disk"
	"chatlab/src/lab/local/supervisor"
)

// Results of a finding.
const (
	OK   = "ok"
	Warn = "warn" // `up` may work, or not for long
	Fail = "fail" // `up` will not work
)

// Finding is one thing that the doctor looked at, as `--json` shows it.
type Finding struct {
	Name   string `json:"name"`
	Result string `json:"result"`
	What   string `json:"what"`          // what was looked at
	Why    string `json:"why,omitempty"` // what is wrong with it
	Fix    string `json:"fix,omitempty"` // the command or change that mends it
}

// String is the finding as people read it: what, and below it why and the fix.
func (f Finding) String() string {
	out := fmt.Sprintf("%-4s  %s\n", f.Result, f.What)
	if f.Why != "" {
		out += "        why  " + f.Why + "\n"
	}
	if f.Fix != "" {
		out += "        fix  " + f.Fix + "\n"
	}
	return out
}

// Doctor looks at all that could stop `up` on this machine.
func (t *Target) Doctor(ctx context.Context) []Finding {
	out := []Finding{t.system(), t.inventoryFits()}
	out = append(out, t.stateFolder(), t.disk(), memory(), openFiles())
	out = append(out, t.refusals()...)
	programs := t.programs()
	t.versions(ctx, programs)
	out = append(out, programs...)
	return append(out, t.ports()...)
}

func (t *Target) system() Finding {
	f := Finding{Name: "system", What: "operating system " + runtime.GOOS, Result: OK}
	if runtime.GOOS != "linux" {
		f.Result, f.Why, f.Fix = Fail, "the local target needs Linux", "use a Linux machine, or `vagrant up`"
	}
	return f
}

func (t *Target) inventoryFits() Finding {
	f := Finding{Name: "inventory", What: t.inv.Path, Result: OK}
	if err := t.fits(); err != nil {
		f.Result, f.Why, f.Fix = Fail, err.Error(), "leave one host in the group, or choose another target"
	}
	return f
}

// Refusal is a finding of what `up` would refuse with an error; nil is well.
func Refusal(name, what string, err error) Finding {
	f := Finding{Name: name, What: what, Result: OK}
	if err != nil {
		f.Result, f.Why, f.Fix = Fail, errs.Public(err), errs.FixOf(err)
	}
	return f
}

// refusals asks what `up` asks of this lab's own folder, and changes nothing.
func (t *Target) refusals() []Finding {
	store := t.store(time.Now())
	store.Check = true
	_, err := store.Make()
	out := []Finding{Refusal("secrets", "keys and certificates in "+store.Dir, err), Refusal("turn", "no other `lab up` or `lab down` at work", t.turn())}
	if t.power || t.powered() {
		out = append(out, Refusal("disks", "disks whose power can be cut", disk.Possible()))
	}
	if _, alive := supervisor.Alive(t.run()); !alive {
		out = append(out, Refusal("chatlog", "chat log of as many servers as before", t.spread()))
	}
	return out
}

// turn fails while another `lab` changes the lab.
func (t *Target) turn() error {
	if _, err := os.Stat(t.run()); err != nil {
		return nil
	}
	lock, err := lab.Lock(t.run())
	if err == nil {
		lock.Unlock()
	}
	return err
}

// unfit are characters that the embedded log database, which takes its folder in a URL,
// does not take.
const unfit = "?#%"

func (t *Target) stateName() Finding {
	f := Finding{Name: "state", What: "state folder " + t.state, Result: OK}
	if strings.ContainsAny(t.state, unfit) {
		f.Result, f.Why, f.Fix = Fail, "its path has one of "+unfit, "name another folder: --state"
	}
	return f
}

// stateFolder writes, locks and binds in the folder: some file systems of
// shared folders can do only the first.
func (t *Target) stateFolder() Finding {
	f := t.stateName()
	if f.Result != OK {
		return f
	}
	dir, err := os.MkdirTemp(nearest(t.state), ".doctor-*")
	if err != nil {
		f.Result, f.Why, f.Fix = Fail, err.Error(), "name a folder that you may write to: --state"
		return f
	}
	defer os.RemoveAll(dir)
	lock, err := files.TryLock(filepath.Join(dir, "lock"))
	if err == nil {
		lock.Unlock()
		err = supervisor.TrySocket(dir)
	}
	if err != nil {
		f.Result, f.Why, f.Fix = Fail, err.Error(), "put it on a local file system: --state /var/tmp/lab"
	}
	return f
}

// nearest returns the deepest folder of a path that exists.
func nearest(path string) string {
	for {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return path
		}
		up := filepath.Dir(path)
		if up == path {
			return path
		}
		path = up
	}
}

// Room that a lab needs, in MiB.
const (
	diskLeast, diskWell = 256, 1024
	memLeast, memWell   = 256, 768
	filesLeast, filesOK = 1024, 8192
)

func (t *Target) disk() Finding {
	f := Finding{Name: "disk", What: "free space for " + t.state, Result: OK}
	var st unix.Statfs_t
	if err := unix.Statfs(nearest(t.state), &st); err != nil {
		f.Result, f.Why = Warn, err.Error()
		return f
	}
	free := int64(st.Bavail) * int64(st.Bsize) >> 20
	f.grade(free, diskLeast, diskWell, "MiB", "make room, or name a folder elsewhere: --state")
	return f
}

func memory() Finding {
	f := Finding{Name: "memory", What: "memory available", Result: OK}
	var mem procfs.Meminfo
	kernel, err := procfs.NewDefaultFS()
	if err == nil {
		mem, err = kernel.Meminfo()
	}
	switch {
	case err != nil:
		f.Result, f.Why = Warn, err.Error()
	case mem.MemAvailableBytes != nil:
		f.grade(int64(*mem.MemAvailableBytes>>20), memLeast, memWell, "MiB", "end other programs, or give the machine more memory")
	}
	return f
}

func openFiles() Finding {
	f := Finding{Name: "files", What: "open files a process may have", Result: OK}
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		f.Result, f.Why = Warn, err.Error()
		return f
	}
	most := int64(min(lim.Max, 1<<40)) // Go programs raise their soft limit to the hard one
	f.grade(most, filesLeast, filesOK, "files", "raise the hard limit: `ulimit -Hn 65536` as root, or limits.conf(5)")
	return f
}

// grade compares what there is with the least and with a good amount.
func (f *Finding) grade(have, least, well int64, unit, fix string) {
	f.What = fmt.Sprintf("%s: %d %s", f.What, have, unit)
	switch {
	case have < least:
		f.Result, f.Why, f.Fix = Fail, fmt.Sprintf("the lab needs at least %d", least), fix
	case have < well:
		f.Result, f.Why, f.Fix = Warn, fmt.Sprintf("%d is comfortable", well), fix
	}
}

// versions asks each program for its version: all must be one build.
func (t *Target) versions(ctx context.Context, programs []Finding) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for i := range programs {
		f := &programs[i]
		if f.Result != OK {
			continue
		}
		wg.Go(func() {
			out, err := exec.CommandContext(ctx, f.What, "--version").Output()
			said, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
			_, version, _ := strings.Cut(said, " ")
			switch {
			case err != nil:
				f.Result, f.Why, f.Fix = Fail, "it does not run: "+err.Error(), "build it again: `make build`"
			case version != app.Version():
				f.Result, f.Why, f.Fix = Fail, fmt.Sprintf("it says %q, this program is %s", said, app.Version()), "build all again: `make build`"
			}
		})
	}
	wg.Wait()
}
