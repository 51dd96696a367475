package nspawn

import (
	"context"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/mount"
	"chatlab/src/wait"

	"github.com/prometheus/procfs"
)

// Limits of a machine's end.
const (
	powerOff  = 25 * time.Second // to stop its services
	pollEvery = 50 * time.Millisecond
)

// machine is one systemd-nspawn machine.
type machine struct {
	name  string // of the machine
	dir   string // upper, work, root, base, console.log
	base  string // folder of the image
	power bool   // it gets a disk whose power can be cut
	index int
	node  inventory.Node
}

func (m *machine) root() string    { return filepath.Join(m.dir, "root") }
func (m *machine) console() string { return filepath.Join(m.dir, "console.log") }

// prepare mounts the machine's files and writes those that are its own.
func (m *machine) prepare(ctx context.Context, files map[string][]byte) error {
	if err := m.clear(ctx); err != nil {
		return err
	}
	if err := m.mount(ctx); err != nil {
		return err
	}
	if err := writeTree(m.root(), files); err != nil {
		return errs.E(errs.Failed, "machine %s: %w", m.node.Name, err)
	}
	for name, mode := range map[string]fs.FileMode{
		"etc/ssh/ssh_host_ed25519_key": 0o600, "root/.ssh": 0o700, "root/.ssh/authorized_keys": 0o600,
	} {
		if err := os.Chmod(filepath.Join(m.root(), name), mode); err != nil {
			return errs.E(errs.Failed, "machine %s: %w", m.node.Name, err)
		}
	}
	return nil
}

// mount puts the machine's own folder over the image it was made with.
func (m *machine) mount(ctx context.Context) error {
	for _, d := range []string{"upper", "work", "root"} {
		if err := os.MkdirAll(filepath.Join(m.dir, d), 0o755); err != nil {
			return errs.E(errs.Usage, "state folder: %w", err)
		}
	}
	if !mount.At(m.root()) {
		if err := m.overlay(ctx); err != nil {
			return err
		}
	}
	return m.attachDisk(ctx)
}

func (m *machine) overlay(ctx context.Context) error {
	note := filepath.Join(m.dir, "base")
	if text, err := os.ReadFile(note); err == nil {
		m.base = strings.TrimSpace(string(text))
	} else if err := files.Update(note, []byte(m.base+"\n"), 0o600); err != nil {
		return errs.E(errs.Usage, "state folder: %w", err)
	}
	if _, err := os.Stat(m.base); err != nil {
		return errs.E(errs.Usage, "machine %s was made on the image %s, which is gone", m.node.Name, m.base).
			WithFix("`lab down --target nspawn --purge`, then `lab up --target nspawn`")
	}
	option := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", m.base, filepath.Join(m.dir, "upper"), filepath.Join(m.dir, "work"))
	_, err := output(ctx, "mount", "-t", "overlay", m.name, "-o", option, m.root())
	return err
}

// loop boots the machine, again after a reboot (nspawn ends with 133 then). It
// goes into control groups of its own first: the machine's systemd takes the
// tree that it is started in.
const loop = `for dir in $CHATLAB_CGROUPS; do echo $$ >"$dir/cgroup.procs" || exit 1; done
unset CHATLAB_CGROUPS
while systemd-nspawn "$@"; [ $? -eq 133 ]; do :; done`

// start boots the machine, detached from this program; it does nothing when it
// runs.
func (m *machine) start() error {
	if len(running(m.name)) > 0 {
		return nil
	}
	end(m.name) // what a killed nspawn may have left would share the files
	groups, err := makeGroups(m.name)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(m.console(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return errs.E(errs.Usage, "state folder: %w", err)
	}
	defer func() { _ = log.Close() }()
	argv := append(m.scope(), "sh", "-c", loop, "chatlab-machine", "--quiet", "--boot", "--register=no", "--keep-unit",
		machineArg+m.name, "--hostname="+m.node.Name, "--directory="+m.root(), "--network-namespace-path=/run/netns/"+m.name,
		"--capability=CAP_NET_ADMIN", "--console=pipe", "--link-journal=no", "--resolv-conf=off", "--timezone=off")
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "CHATLAB_CGROUPS="+strings.Join(groups, " "))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return errs.E(errs.Failed, "machine %s: %w", m.node.Name, err)
	}
	go func() { _ = cmd.Wait() }() // it outlives this program, or is reaped by it
	return nil
}

const machineArg = "--machine="

// running lists the processes of this host that run a machine: the loop and
// nspawn. They are known by their arguments.
func running(name string) []int {
	var out []int
	for pid, args := range commands() {
		if slices.Contains(args, machineArg+name) {
			out = append(out, pid)
		}
	}
	return out
}

// runningOf lists the machines whose names begin so.
func runningOf(prefix string) []string {
	var out []string
	for _, args := range commands() {
		for _, a := range args {
			if name, ok := strings.CutPrefix(a, machineArg); ok && strings.HasPrefix(name, prefix) && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// commands returns the command line of each process that could be a machine's.
func commands() map[int][]string {
	out := map[int][]string{}
	procs, _ := procfs.AllProcs()
	for _, p := range procs {
		line, err := p.CmdLine()
		if err == nil && slices.Contains(line, "--keep-unit") && slices.ContainsFunc(line, func(arg string) bool { return strings.Contains(arg, machineArg) }) {
			out[p.PID] = line
		}
	}
	return out
}

// stop switches a machine off in good order, and by force when that takes too
// long.
func stop(ctx context.Context, name string) error {
	for _, pid := range running(name) {
		if isNspawn(pid) {
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
	}
	if gone(ctx, name, powerOff) {
		return nil
	}
	return kill(ctx, name)
}

// kill cuts a machine's power.
func kill(ctx context.Context, name string) error {
	end(name)
	if !gone(ctx, name, powerOff) {
		return errs.E(errs.Failed, "machine %s does not end", name)
	}
	return nil
}

// end kills all of a machine at once: its loop first, so that it boots nothing,
// and the processes inside too, which outlive a killed nspawn.
func end(name string) {
	pids := running(name)
	slices.SortFunc(pids, func(a, b int) int { return boolInt(isNspawn(a)) - boolInt(isNspawn(b)) })
	for _, pid := range append(pids, inside(name)...) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// inside lists the processes in a machine: those in its network namespace.
func inside(name string) []int {
	var space syscall.Stat_t
	if syscall.Stat("/run/netns/"+name, &space) != nil {
		return nil
	}
	var out []int
	procs, _ := procfs.AllProcs()
	for _, p := range procs {
		var of syscall.Stat_t
		if syscall.Stat(fmt.Sprintf("/proc/%d/ns/net", p.PID), &of) == nil && of.Ino == space.Ino && of.Dev == space.Dev {
			out = append(out, p.PID)
		}
	}
	return out
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func isNspawn(pid int) bool {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return false
	}
	name, _ := p.Comm()
	return name == "systemd-nspawn"
}

// gone waits until a machine has no process, and removes what it had on the host.
func gone(ctx context.Context, name string, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	empty := func() bool { return len(running(name)) == 0 && len(inside(name)) == 0 && removeGroups(name) == nil }
	if !wait.Until(ctx, pollEvery, empty) {
		return false
	}
	for _, dir := range []string{"propagate", "unix-export"} {
		_ = os.Remove(filepath.Join("/run/systemd/nspawn", dir, name))
	}
	return true
}

// networkFile configures one interface inside a machine. What a cut cable would
// take away stays: packets are lost then, and do not go another way.
func networkFile(link string, addr netip.Addr, more string) []byte {
	return []byte(fmt.Sprintf("[Match]\nName=%s\n\n[Link]\nRequiredForOnline=no-carrier\n\n[Network]\nAddress=%s/%d\n"+
		"ConfigureWithoutCarrier=yes\nIgnoreCarrierLoss=yes\nLinkLocalAddressing=no\n%s", link, addr, prefixBits, more))
}

// files are those in which a machine differs from the image.
func (m *machine) files(nat netip.Prefix, hostKey []byte, user ssh.PublicKey) map[string][]byte {
	gateway := "Gateway=" + nat.Addr().Next().String() + "\n"
	files := map[string][]byte{
		"etc/hostname":                           []byte(m.node.Name + "\n"),
		"etc/systemd/network/10-public.network":  networkFile(insidePublic, m.node.Public, ""),
		"etc/systemd/network/10-private.network": networkFile(insidePrivate, m.node.Private, ""),
		"etc/systemd/network/10-nat.network":     networkFile(insideNAT, natAddress(nat, m.index), gateway),
		"etc/ssh/ssh_host_ed25519_key":           hostKey,
		"root/.ssh/authorized_keys":              ssh.MarshalAuthorizedKey(user),
	}
	if resolv, err := os.ReadFile("/etc/resolv.conf"); err == nil {
		files["etc/resolv.conf"] = resolv
	}
	return files
}
