package nspawn

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"chatlab/src/errs"
	"chatlab/src/lab/local"
)

// tools are the programs that this target calls, with the Debian package of each.
var tools = []struct{ program, debian string }{
	{"debootstrap", "debootstrap"}, {"systemd-nspawn", "systemd-container"}, {"nft", "nftables"}, {"ip", "iproute2"},
	{"unshare", "util-linux"}, {"ssh", "openssh-client"}, {"ansible-playbook", "ansible"}, {"make", "make"},
}

// diskNeed is the room that three machines and their image take, in MiB.
const diskNeed = 4096

// Doctor looks at all that could stop `up` on this machine.
func (t *Target) Doctor(ctx context.Context) []local.Finding {
	out := []local.Finding{root()}
	missing := []string{}
	for _, tool := range tools {
		f := local.Finding{Name: "program." + tool.program, What: tool.program, Result: local.OK}
		if _, err := exec.LookPath(tool.program); err != nil {
			missing = append(missing, tool.debian)
			f.Result, f.Why, f.Fix = local.Fail, "it is not installed", "apt-get install --no-install-recommends "+tool.debian
		}
		out = append(out, f)
	}
	if len(missing) > 1 {
		for i := range out {
			if strings.HasPrefix(out[i].Fix, "apt-get") {
				out[i].Fix = "apt-get install --no-install-recommends " + strings.Join(missing, " ")
			}
		}
	}
	if len(missing) == 0 && out[0].Result == local.OK {
		out = append(out, rights(ctx)...)
	}
	out = append(out, overlay(), room("disk.state", t.machines.state), room("disk.image", cacheDir()))
	f := local.Finding{Name: "inventory", What: t.cfg.Inventory.Path, Result: local.OK}
	if err := t.machines.fits(); err != nil {
		f.Result, f.Why, f.Fix = local.Fail, err.Error(), errs.FixOf(err)
	}
	return append(out, f, t.machines.release())
}

// scripts are debootstrap's, one for each release that it can make.
const scripts = "/usr/share/debootstrap/scripts"

// release looks whether machines of the profile can be made here.
func (s *Machines) release() local.Finding {
	f := local.Finding{Name: "profile", What: "the machines' system", Result: local.OK}
	made, err := s.system()
	if err != nil {
		f.Result, f.Why, f.Fix = local.Fail, err.Error(), errs.FixOf(err)
		return f
	}
	f.What = "profile " + made.Name
	if _, err := os.Stat(scripts); err != nil {
		return f // without debootstrap, which is another finding
	}
	script := filepath.Join(scripts, made.System.Suite)
	if _, err := os.Stat(script); err != nil {
		f.Result, f.Why, f.Fix = local.Fail, "debootstrap is older than "+made.System.Title, "install one that has "+script+", or take another --profile"
	}
	return f
}

func root() local.Finding {
	f := local.Finding{Name: "root", What: "the user", Result: local.OK}
	if os.Geteuid() != 0 {
		f.Result, f.Why, f.Fix = local.Fail, "machines and bridges need root", "run it as root, or use --target local"
	}
	return f
}

func overlay() local.Finding {
	f := local.Finding{Name: "overlayfs", What: "the kernel's overlay file system", Result: local.OK}
	text, err := os.ReadFile("/proc/filesystems")
	if err != nil || strings.Contains(string(text), "\toverlay\n") {
		return f
	}
	f.Result, f.Why, f.Fix = local.Warn, "it is not loaded yet", "modprobe overlay"
	return f
}

func room(name, dir string) local.Finding {
	f := local.Finding{Name: name, What: "free space for " + dir, Result: local.OK}
	at := dir
	for at != "/" {
		if _, err := os.Stat(at); err == nil {
			break
		}
		at = filepath.Dir(at)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(at, &st); err != nil {
		f.Result, f.Why = local.Warn, err.Error()
		return f
	}
	if free := st.Bavail * uint64(st.Bsize) >> 20; free < diskNeed { //nolint:gosec // a block size is positive
		f.Result, f.Why = local.Fail, fmt.Sprintf("%d MiB are free, %d are needed", free, diskNeed)
		f.Fix = "make room, or choose another folder: --state DIR, CHATLAB_CACHE=DIR for the image"
	}
	return f
}

// startable refuses, before anything is changed, what the doctor knows to fail.
func (t *Target) startable(ctx context.Context) error {
	for _, f := range t.Doctor(ctx) {
		if f.Result == local.Fail {
			return errs.E(errs.Usage, "%s: %s", f.What, f.Why).WithFix("%s", f.Fix)
		}
	}
	return nil
}
