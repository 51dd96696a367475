// Package lab describes a running lab: what it consists of (an inventory) and
// how to reach its parts (a target). Checks and drills work with these
// interfaces alone, so they do not know which target they run on.
//
// Packages below it: inventory reads the description, local brings a lab up as
// processes of this machine, pki makes its certificates, check proves it.
package lab

import (
	"context"
	"io"
	"net"
	"time"

	"chatlab/src/lab/inventory"
)

// Lab is one lab: what it consists of and how to reach its parts.
type Lab struct {
	Inventory *inventory.Inventory
	Target    Target
}

// Target is a place where a lab comes up.
type Target interface {
	// Name returns what --target calls it.
	Name() string

	// Up starts every service that is not up yet and returns when all of it is ready. A
	// lab that is up already is left alone. Codes: usage (the machine or the
	// inventory does not allow it), failed (a part did not come up; the error
	// names it, and its fix is known or says where to look).
	Up(ctx context.Context, p Progress) error

	// Down stops everything, finished or half-built, and leaves no process and
	// no port; purge also removes the data and the secrets. Taking down what
	// is down is no error.
	Down(ctx context.Context, purge bool, p Progress) error

	// Status tells the state of each service, in the order of the start.
	Status(ctx context.Context) ([]ServiceStatus, error)

	// Host returns a machine of the lab by its node name. Code not_found.
	Host(node string) (Host, error)

	// Secret returns the path of a file of the deployment: "jwt.key",
	// "ca.pem", "operator.pem" and "operator.key" (the operator's certificate),
	// "mongodb.password". Code not_found where the target has none, as when
	// the log database takes no password.
	Secret(name string) (path string, err error)

	// MongoURI returns the log database's URI, without user and password.
	MongoURI() string

	// MongoUser returns the user of the log database, whose password is the
	// secret "mongodb.password"; "" where it takes none.
	MongoUser() string
	// Dial opens a connection to an address of the lab. One on a private
	// network that this machine has no part in is dialed from the node that
	// owns it. Connections have deadlines.
	Dial(ctx context.Context, network, addr string) (net.Conn, error)
}

// Running is a lab of this machine that was found by its processes.
type Running struct {
	State    string    `json:"state"` // folder
	Target   string    `json:"target"`
	Instance int       `json:"instance,omitempty"` // 0: at the addresses of its inventory
	Since    time.Time `json:"since"`
}

// Slow is a Target whose machines take longer than others for everything, as
// emulated ones do.
type Slow interface {
	Target
	// Patience is how many times longer, 1 or more.
	Patience() float64
}

// Allow returns a time limit as the machines of a target need it.
func Allow(t Target, limit time.Duration) time.Duration {
	if s, ok := t.(Slow); ok {
		return time.Duration(float64(limit) * max(s.Patience(), 1))
	}
	return limit
}

// Publisher is a Target whose machines keep copies of the deployment's secrets.
type Publisher interface {
	Target
	// Publish carries a secret that has changed to the machines that use it.
	Publish(ctx context.Context, secret string) error
}

// Host is one machine of a lab.
type Host interface {
	// Name returns the node's name in the inventory.
	Name() string

	// Run runs a command on the machine and returns its standard output. An
	// error has the first line of its standard error.
	Run(ctx context.Context, argv ...string) (stdout string, err error)

	// Do acts on a service of this machine: authd, chatd, logd, healthd,
	// mongodb, mariadb, or the logger of a daemon: authd-logger, chatd-logger.
	// It returns when the action is done, for Start and Restart when the
	// service is ready. A killed service is started again by its supervisor,
	// a stopped one is not. Codes: not_found (no such service here), failed.
	Do(ctx context.Context, service string, a Action) error
}

// Streams are what an attended command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Logs says which part of a service's log is wanted.
type Logs struct {
	Since  time.Time // zero: from its beginning
	Lines  int       // at most the last ones, negative: all
	Follow bool      // what comes later too, until the context ends
}

// Attended is a Host at which a person can work.
type Attended interface {
	Host
	// Attend runs a command with a person's streams until it ends. Code failed, when it
	// ends with another status than 0.
	Attend(ctx context.Context, s Streams, argv ...string) error
	// Logs writes what a service logged. That of a daemon's logger may be the daemon's.
	// Codes: not_found, failed.
	Logs(ctx context.Context, service string, want Logs, out io.Writer) error
}

// Tunable is a Host whose services can run with other settings for a while. A
// drill that needs it is skipped where a target has none.
type Tunable interface {
	Host

	// Override restarts a service with some settings changed, keys as "a.b" of
	// its configuration file; nil gives it its own settings back. It returns
	// when the service answers, be it that it is not ready. Codes: not_found,
	// failed.
	Override(ctx context.Context, service string, settings map[string]any) error

	// Dir returns the folder of a service's data on that machine: of a logger,
	// its spool. Code not_found.
	Dir(service string) (string, error)
}

// Machined is a Target whose nodes are machines of their own, each with its
// clock, its listeners and its systemd.
type Machined interface {
	Target
	// Unit returns the systemd unit of a service. Code not_found.
	Unit(node, service string) (string, error)
}

// Vantage is a Host from whose machine connections can be opened.
type Vantage interface {
	Host
	Dial(ctx context.Context, network, addr string) (net.Conn, error)
}

// Networked is a Host whose cable to the private network is at hand.
type Networked interface {
	Host
	// Cut lets nothing pass between the machine and the private network.
	Cut(ctx context.Context) error
	// Lose drops a percentage of what passes, each way.
	Lose(ctx context.Context, percent int) error
	// Join undoes both; it may be called when nothing was done.
	Join(ctx context.Context) error
}

// Powered is a Host whose power can be cut.
type Powered interface {
	Host
	// PowerOff ends the machine at once: nothing is written or said any more.
	PowerOff(ctx context.Context) error
	// PowerOn boots it, and returns when it has booted and its services are
	// ready. A machine that runs is left alone, and a lab that is down stays so.
	PowerOn(ctx context.Context) error
}

// Disk is where a machine keeps its services' data.
type Disk struct {
	Dir string
	Own bool // the services' data has a small file system of its own, which can be filled
}

// Lossy is a Host that may lose, with its power, every write that has not reached
// its disk.
type Lossy interface {
	Host
	// Disk returns the disk. Code usage, with the reason, where all writes survive.
	Disk() (Disk, error)
}

// Snapshotter is a Target that keeps the state of all its machines under a
// name, and goes back to it. The machines are switched off in good order
// meanwhile, so that databases are at rest, and run again afterwards.
type Snapshotter interface {
	Target
	// Snapshots lists the names, the oldest first.
	Snapshots(ctx context.Context) ([]string, error)
	// SaveSnapshot keeps the state of all machines, or of none. Codes: usage
	// (the name is taken or none, the lab was never up), failed.
	SaveSnapshot(ctx context.Context, name string, p Progress) error
	// RestoreSnapshot brings all machines back, or none, and returns when their
	// services are ready. Codes: not_found (the fix lists what there is), failed.
	RestoreSnapshot(ctx context.Context, name string, p Progress) error
}

// Action is what [Host].Do can do to a service.
type Action string

// Actions.
const (
	Start   Action = "start"
	Stop    Action = "stop" // in good order; stays stopped until started
	Restart Action = "restart"
	Kill    Action = "kill"   // SIGKILL; its supervisor starts it again
	Halt    Action = "halt"   // SIGKILL, its children too; stays stopped until started
	Freeze  Action = "freeze" // SIGSTOP: it holds its connections and says nothing
	Thaw    Action = "thaw"   // SIGCONT
)

// State is the state of a service.
type State string

// States.
const (
	Down     State = "down"      // not running, and nothing starts it
	Starting State = "starting"  // running, not ready yet
	Ready    State = "ready"     // it said that it can do its work
	NotReady State = "not ready" // it was ready and now says why it is not
	Failing  State = "failing"   // it ended by itself and is started again after a pause
	Frozen   State = "frozen"
)

// ServiceStatus is the state of one service on one node, as `lab status --json`
// shows it.
type ServiceStatus struct {
	Node     string    `json:"node"`
	Service  string    `json:"service"`
	Address  string    `json:"address,omitempty"` // host:port it serves, "" for a logger
	Ops      string    `json:"ops,omitempty"`     // host:port of /metrics, /healthz, /readyz
	State    State     `json:"state"`
	Reason   string    `json:"reason,omitempty"` // why it is not ready
	PID      int       `json:"pid,omitempty"`
	Restarts int       `json:"restarts"` // how often it was started again
	Since    time.Time `json:"since"`    // when the process was started; zero when down
	Log      string    `json:"log,omitempty"`
}

// Progress is shown while a lab comes up or goes down.
type Progress interface {
	// Step announces a step and returns what to call, once, when it ended.
	Step(name string) func(err error)
}

// Noter is a Progress that also shows a line of its own for what took a while
// within a step.
type Noter interface {
	Progress
	Note(took time.Duration, what string)
}

// Silent is a Progress that shows nothing.
type Silent struct{}

// Step implements [Progress].
func (Silent) Step(string) func(error) { return func(error) {} }
