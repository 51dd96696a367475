package nspawn

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab"
	"chatlab/src/lab/disk"
	"chatlab/src/lab/mount"
	"chatlab/src/lab/remote"
)

// Machines are the machines and networks of one lab.
type Machines struct {
	network
	cfg   Config
	state string // absolute
}

// NewMachines describes the machines of a lab; it touches nothing. Fails with
// code usage.
func NewMachines(cfg Config) (*Machines, error) {
	state, err := filepath.Abs(cfg.State)
	if err != nil {
		return nil, errs.E(errs.Usage, "state folder: %w", err)
	}
	return &Machines{network: network{namesOf(state), cfg.Inventory}, cfg: cfg, state: state}, nil
}

// Folder is what this target has in a state folder.
const Folder = "nspawn"

func (s *Machines) run() string { return filepath.Join(s.state, Folder) }

func (s *Machines) secret(name string) string { return filepath.Join(s.state, "secrets", name) }

// Access says how the machines are reached over SSH.
func (s *Machines) Access() remote.Access {
	return remote.Access{User: "root", Key: s.secret("ssh.key"), KnownHosts: filepath.Join(s.state, "known_hosts")}
}

// Up brings up the networks and machines that are not up, and returns when each
// has booted. Codes: usage, failed.
func (s *Machines) Up(ctx context.Context, p lab.Progress) error {
	if os.Geteuid() != 0 {
		return errs.E(errs.Usage, "target nspawn needs root").WithFix("run it as root, or use --target local")
	}
	if err := s.fits(); err != nil {
		return err
	}
	if err := s.disksPossible(); err != nil {
		return err
	}
	lock, err := lab.Lock(s.run())
	if err != nil {
		return err
	}
	defer lock.Unlock()
	made, err := s.system()
	if err != nil {
		return err
	}
	base, err := Image(ctx, made, p)
	if err != nil {
		return err
	}
	if err := s.recordSystem(made); err != nil {
		return err
	}
	done := p.Step("networks")
	err = s.network.up(ctx)
	done(err)
	if err != nil {
		return err
	}
	done = p.Step("machines " + strings.Join(s.nodeNames(), ", "))
	err = s.boot(ctx, base)
	done(err)
	return err
}

func (s *Machines) nodeNames() []string {
	var out []string
	for _, n := range s.inv.Nodes {
		out = append(out, n.Name)
	}
	return out
}

// machine describes the machine of a node.
func (s *Machines) machine(i int, base string) *machine {
	n := s.inv.Nodes[i]
	return &machine{name: s.names.machine(n.Name), dir: filepath.Join(s.run(), "machines", n.Name), base: base, power: s.cfg.Power, index: i, node: n}
}

// boot prepares and starts all machines and waits until each is up.
func (s *Machines) boot(ctx context.Context, base string) error {
	user, err := ensureKey(s.secret("ssh.key"), "chatlab "+s.id)
	if err != nil {
		return err
	}
	nat, err := s.nat()
	if err != nil {
		return err
	}
	var order []string
	keys := map[string]ssh.PublicKey{}
	for i, n := range s.inv.Nodes {
		path := s.secret("ssh_host_" + n.Name + ".key")
		if keys[n.Public.String()], err = ensureKey(path, n.Name); err != nil {
			return err
		}
		order = append(order, n.Public.String())
		hostKey, err := os.ReadFile(path)
		if err != nil {
			return errs.E(errs.Usage, "SSH key: %w", err)
		}
		m := s.machine(i, base)
		if len(running(m.name)) > 0 {
			continue
		}
		if err := m.prepare(ctx, m.files(nat, hostKey, user)); err != nil {
			return err
		}
	}
	if err := files.Update(s.Access().KnownHosts, knownHosts(keys, order), 0o600); err != nil {
		return errs.E(errs.Usage, "known hosts: %w", err)
	}
	var group errgroup.Group
	for i := range s.inv.Nodes {
		m := s.machine(i, base)
		group.Go(func() error {
			if err := m.start(); err != nil {
				return err
			}
			return s.awaitBoot(ctx, m)
		})
	}
	return group.Wait()
}

// Down stops the machines and removes the networks; purge also removes their
// files and keys. It needs no inventory.
func (s *Machines) Down(ctx context.Context, purge bool, p lab.Progress) error {
	if _, err := os.Stat(s.run()); err == nil {
		lock, err := lab.Lock(s.run())
		if err != nil {
			return err
		}
		defer lock.Unlock()
	}
	done := p.Step("stop the machines")
	err := s.stopAll(ctx)
	done(err)
	if err != nil {
		return err
	}
	done = p.Step("remove networks and rules")
	err = s.network.down(ctx)
	done(err)
	if err != nil || !purge {
		return err
	}
	done = p.Step("remove machines, data and secrets")
	err = lab.Purge(s.state, Folder, "secrets", "known_hosts")
	done(err)
	return err
}

func (s *Machines) stopAll(ctx context.Context) error {
	var group errgroup.Group
	for _, name := range s.left() {
		group.Go(func() error { return stop(ctx, name) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := mount.Unmount(s.run()); err != nil {
		return err
	}
	return disk.Released(ctx, s.run())
}

// left names the machines of the lab that have a process, of whatever kind.
func (s *Machines) left() []string {
	out := runningOf(s.machines())
	spaces, _ := filepath.Glob("/run/netns/" + s.machines() + "*")
	for _, path := range spaces {
		if name := filepath.Base(path); len(inside(name)) > 0 && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
