package vagrant

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/laptop"
	"chatlab/src/lab/local"
	"chatlab/src/lab/remote"
)

// Name is what --target calls this target.
const Name = "vagrant"

// Config says which lab, and where what it is made of stands.
type Config struct {
	State     string               // folder for secrets and how the machines are reached
	Inventory *inventory.Inventory // may be nil for Down
	Project   string               // folder with the Vagrantfile
}

// Target is a lab on virtual machines that Vagrant brings up.
type Target struct {
	*remote.Target
	cfg Config
}

var (
	_ lab.Target      = (*Target)(nil)
	_ lab.Slow        = (*Target)(nil)
	_ lab.Publisher   = (*Target)(nil)
	_ lab.Snapshotter = (*Target)(nil)
	_ lab.Powered     = (*host)(nil)
	_ lab.Tunable     = (*host)(nil)
	_ lab.Lossy       = (*host)(nil)
)

// New describes the lab of a state folder; it touches nothing. Fails with code
// usage.
func New(cfg Config) (*Target, error) {
	state, err := filepath.Abs(cfg.State)
	if err != nil {
		return nil, errs.E(errs.Usage, "state folder: %w", err)
	}
	cfg.State = state
	t := &Target{cfg: cfg}
	return t, t.reach()
}

// reach takes over how the machines are reached, as far as it is known.
func (t *Target) reach() error {
	if t.cfg.Inventory == nil {
		return nil
	}
	a, err := readAccess(t.cfg.State)
	if err != nil {
		return err
	}
	if t.Target != nil {
		t.Close()
	}
	t.Target = remote.New(remote.Config{
		Inventory: t.cfg.Inventory, State: t.cfg.State, Embedded: a.Embedded, Keys: a.Keys, Patience: a.Patience,
		Access: remote.Access{User: a.User, KnownHosts: filepath.Join(t.cfg.State, "known_hosts")},
	})
	return nil
}

// Name implements [lab.Target].
func (t *Target) Name() string { return Name }

// inventoryPath is the inventory as Vagrant takes it from any folder.
func (t *Target) inventoryPath() string {
	path, err := filepath.Abs(t.cfg.Inventory.Path)
	if err != nil {
		return t.cfg.Inventory.Path
	}
	if filepath.Base(path) == "hosts.yml" { // the folder's name is the lab's
		return filepath.Dir(path)
	}
	return path
}

// Doctor looks at all that could stop `up` on this machine.
func (t *Target) Doctor(ctx context.Context) []local.Finding {
	return laptop.Doctor(ctx, laptop.Options{Project: t.cfg.Project, Inventory: t.cfg.Inventory})
}

// Up implements [lab.Target]: machines, then the playbook over all of them.
func (t *Target) Up(ctx context.Context, p lab.Progress) error {
	for _, f := range t.Doctor(ctx) {
		if f.Result == local.Fail {
			return errs.E(errs.Usage, "%s: %s", f.What, f.Why).WithFix("%s", f.Fix)
		}
	}
	if err := t.boot(ctx, p); err != nil {
		return err
	}
	if err := t.vagrant(ctx, p, "playbook site.yml", "provision"); err != nil {
		return err
	}
	t.noteRecap(p)
	return t.reach()
}

// boot starts the machines that do not run, and sets none up.
func (t *Target) boot(ctx context.Context, p lab.Progress) error {
	return t.vagrant(ctx, p, "machines", "up", "--no-provision")
}

// noteRecap shows what the playbook did to each machine.
func (t *Target) noteRecap(p lab.Progress) {
	n, ok := p.(lab.Noter)
	if !ok {
		return
	}
	for _, line := range tail(t.log()) {
		if strings.Contains(line, " ok=") && strings.Contains(line, "unreachable=") {
			n.Note(0, strings.Join(strings.Fields(line), " "))
		}
	}
}

// Down implements [lab.Target]: machines that keep their data are switched off,
// the others are destroyed, with their networks and disks.
func (t *Target) Down(ctx context.Context, purge bool, p lab.Progress) error {
	if t.Target != nil {
		t.Close()
	}
	if !purge {
		return t.vagrant(ctx, p, "switch the machines off", "halt")
	}
	if err := t.vagrant(ctx, p, "destroy the machines", "destroy", "--force"); err != nil {
		return err
	}
	done := p.Step("remove data and secrets")
	err := lab.Purge(t.cfg.State, "secrets", "snapshots", AccessFile, "known_hosts", "vagrant.log")
	done(err)
	return err
}

// Host implements [lab.Target].
func (t *Target) Host(node string) (lab.Host, error) {
	h, err := t.Machine(node)
	if err != nil {
		return nil, err
	}
	return &host{Host: h, t: t}, nil
}

// host is a machine with what its hypervisor can do to it.
type host struct {
	*remote.Host
	t *Target
}

// Disk implements [lab.Lossy]: the hypervisor's switch ends the machine's page cache.
func (h *host) Disk() (lab.Disk, error) { return lab.Disk{Dir: "/var/lib/chatlab"}, nil }

// PowerOff implements [lab.Powered].
func (h *host) PowerOff(ctx context.Context) error {
	defer h.Close() // the connection is dead
	return h.t.call(ctx, "halt", "--force", h.Name())
}

// powerOnLimit is how long a machine's services have after it has booted.
const powerOnLimit = 2 * time.Minute

// PowerOn implements [lab.Powered].
func (h *host) PowerOn(ctx context.Context) error {
	if err := h.t.call(ctx, "up", "--no-provision", h.Name()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lab.Allow(h.t, powerOnLimit))
	defer cancel()
	return h.AwaitServices(ctx)
}
