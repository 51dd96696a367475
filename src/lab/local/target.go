// Package local is the target that needs nothing but Linux: every service of
// the lab is a process of this machine, on the loopback addresses of the
// inventory, under a supervisor of the lab's own.
//
// The state folder (`.lab`) holds
//
//	client.yaml          where the client finds the lab
//	secrets/             jwt.key, the lab CA and its certificates (0700)
//	local/etc/           configuration of each daemon, written by every `up`
//	local/data/NODE/     databases, streams, spools
//	local/disks/NODE     with `lab up --power`: the image that is mounted on data/NODE
//	local/log/           what each process says
//	local/plan.json, instance, supervisor.lock, control.sock, up.lock
package local

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local/supervisor"
)

// Name is what --target calls this target.
const Name = "local"

// Config says which lab is meant.
type Config struct {
	State     string               // folder for data, secrets, logs: `.lab`
	Inventory *inventory.Inventory // nil: only Down and Status are possible

	Power bool // each node gets a disk whose power can be cut

	Binaries   string   // folder of the programs; "": that of the running program
	Supervisor []string // what runs supervisor.Run(RunDir(State)); nil: `lab supervise`
}

// Target is a lab of processes.
type Target struct {
	inv        *inventory.Inventory
	state      string // absolute
	bin        string
	supervisor []string
	power      bool
}

var _ lab.Target = (*Target)(nil)

// New describes the lab of a state folder; it touches nothing. Fails with code
// usage.
func New(cfg Config) (*Target, error) {
	state, err := filepath.Abs(cfg.State)
	if err != nil {
		return nil, errs.E(errs.Usage, "state folder: %w", err)
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, errs.E(errs.Usage, "own program: %w", err)
	}
	t := &Target{inv: cfg.Inventory, state: state, bin: cfg.Binaries, supervisor: cfg.Supervisor, power: cfg.Power}
	if t.bin == "" {
		t.bin = filepath.Dir(exe)
	}
	if t.supervisor == nil {
		t.supervisor = []string{exe, "supervise", "--state", state}
	}
	return t, nil
}

// Folder is what this target has in a state folder.
const Folder = "local"

// RunDir is the supervisor's folder in a state folder.
func RunDir(state string) string { return filepath.Join(state, Folder) }

// Recorded returns the inventory that the lab of a state folder was brought up
// with, or its copy when the file is gone; "" when there was none.
func Recorded(state string) string {
	text, err := os.ReadFile(filepath.Join(RunDir(state), "inventory.path"))
	path := strings.TrimSpace(string(text))
	if err != nil || path == "" {
		return ""
	}
	if _, err := os.Stat(path); err != nil {
		path = filepath.Join(RunDir(state), "inventory.yml")
	}
	return path
}

// RecordedInstance returns the number of the instance that the lab of a state folder was
// brought up as; 0 when it has the addresses of its inventory, or when there was none.
func RecordedInstance(state string) int {
	text, err := os.ReadFile(filepath.Join(RunDir(state), instanceFile))
	n, bad := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || bad != nil {
		return 0
	}
	return n
}

// instanceFile is the file of a supervisor's folder that holds the number of an instance.
const instanceFile = "instance"

func (t *Target) run() string { return RunDir(t.state) }
func (t *Target) path(parts ...string) string {
	return filepath.Join(append([]string{t.run()}, parts...)...)
}
func (t *Target) secret(name string) string    { return filepath.Join(t.state, "secrets", name) }
func (t *Target) binary(name string) string    { return filepath.Join(t.bin, name) }
func (t *Target) data(parts ...string) string  { return t.path(append([]string{"data"}, parts...)...) }
func (t *Target) log(node, name string) string { return t.path("log", node+"-"+name+".log") }

// Name implements [lab.Target].
func (t *Target) Name() string { return Name }

// MongoURI implements [lab.Target].
func (t *Target) MongoURI() string {
	return "mongodb://" + strings.Join(t.inv.Addresses(inventory.MongoDB), ",") + "/"
}

// MongoUser implements [lab.Target]: the embedded database knows no users.
func (t *Target) MongoUser() string { return "" }

// Dial implements [lab.Target]: all of the lab's addresses are this machine's.
func (t *Target) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// Secret implements [lab.Target].
func (t *Target) Secret(name string) (string, error) {
	path := t.secret(filepath.Base(name))
	if _, err := os.Stat(path); err != nil {
		return "", errs.E(errs.NotFound, "no secret %s in %s", name, filepath.Dir(path)).WithFix("`lab up` makes it; --state names another folder")
	}
	return path, nil
}

// Status implements [lab.Target].
func (t *Target) Status(ctx context.Context) ([]lab.ServiceStatus, error) {
	if _, alive := supervisor.Alive(t.run()); alive {
		rows, _, err := supervisor.Ask(ctx, t.run(), true)
		if err != nil {
			return nil, errs.Wrap(err, errs.Failed, "the supervisor does not answer").WithFix("`lab down` ends it, `lab up` starts it again")
		}
		return plain(rows), nil
	}
	services := t.known()
	left := supervisor.Marked(t.run())
	var out []lab.ServiceStatus
	for _, s := range services {
		row := lab.ServiceStatus{Node: s.Node, Service: s.Name, Address: s.Address, Ops: s.Ops, State: lab.Down, Log: s.Log}
		if len(left) > 0 {
			row.Reason = "the supervisor is gone and left processes: `lab up` or `lab down` clears them"
		}
		out = append(out, row)
	}
	return out, nil
}

// known lists the services of the last plan, or of the inventory.
func (t *Target) known() []supervisor.Service {
	if plan, err := supervisor.LoadPlan(t.run()); err == nil {
		return plan.Services
	}
	if t.inv == nil {
		return nil
	}
	return t.services()
}

func plain(rows []supervisor.Status) []lab.ServiceStatus {
	out := make([]lab.ServiceStatus, len(rows))
	for i, r := range rows {
		out[i] = r.ServiceStatus
	}
	return out
}

// Host implements [lab.Target].
func (t *Target) Host(node string) (lab.Host, error) {
	if _, ok := t.inv.Node(node); !ok {
		return nil, errs.E(errs.NotFound, "no node %q in %s", node, t.inv.Path)
	}
	if t.powered() {
		return poweredHost{host{t, node}}, nil
	}
	return host{t, node}, nil
}

// host is one node: they are all this machine.
type host struct {
	t    *Target
	node string
}

func (h host) Name() string { return h.node }

func (h host) Run(ctx context.Context, argv ...string) (string, error) {
	if len(argv) == 0 {
		return "", errs.E(errs.Usage, "no command")
	}
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
	if err == nil {
		return string(out), nil
	}
	reason := err.Error()
	if exit, ok := err.(*exec.ExitError); ok {
		if first, _, _ := strings.Cut(strings.TrimSpace(string(exit.Stderr)), "\n"); first != "" {
			reason = first
		}
	}
	return string(out), errs.E(errs.Failed, "%s on %s: %s", argv[0], h.node, reason)
}

func (h host) Do(ctx context.Context, service string, a lab.Action) error {
	if !slices.Contains([]lab.Action{lab.Start, lab.Stop, lab.Restart, lab.Kill, lab.Halt, lab.Freeze, lab.Thaw}, a) {
		return errs.E(errs.Usage, "unknown action %q", a)
	}
	return supervisor.Do(ctx, h.t.run(), h.node, service, a)
}
