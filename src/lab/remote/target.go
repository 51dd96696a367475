package remote

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

// Name is what --target calls hosts that somebody else has set up.
const Name = "hosts"

// Config says which lab, and how its machines are reached.
type Config struct {
	Inventory *inventory.Inventory
	State     string // folder of the deployment's secrets, absolute
	Access    Access
	Keys      map[string]string // node → file of the private key, where it has one of its own
	Patience  float64           // by how much longer the machines take for everything; 0 is 1
	Embedded  bool              // the log database is the project's own server, which knows no users
}

// Target is a lab on machines that the playbook has set up.
type Target struct {
	cfg   Config
	hosts map[string]*Host
	owner map[string]*Host // private address → who has it
	mongo string           // unit of the log database

}

var (
	_ lab.Target    = (*Target)(nil)
	_ lab.Publisher = (*Target)(nil)
	_ lab.Machined  = (*Target)(nil)
	_ lab.Slow      = (*Target)(nil)
	_ lab.Vantage   = (*Host)(nil)
	_ lab.Tunable   = (*Host)(nil)
)

// New describes a lab; it connects to nothing yet.
func New(cfg Config) *Target {
	t := &Target{cfg: cfg, hosts: map[string]*Host{}, owner: map[string]*Host{}, mongo: "mongod"}
	if cfg.Embedded {
		t.mongo = "chatlab-mongod"
	}
	for _, n := range cfg.Inventory.Nodes {
		access := cfg.Access
		if key := cfg.Keys[n.Name]; key != "" {
			access.Key = key
		}
		h := NewHost(n.Name, n.Public.String(), access)
		h.link.patience = max(cfg.Patience, 1)
		h.target, h.node = t, n
		t.hosts[n.Name], t.owner[n.Private.String()] = h, h
	}
	return t
}

// Close ends all connections.
func (t *Target) Close() {
	for _, h := range t.hosts {
		h.Close()
	}
}

// Patience implements [lab.Slow].
func (t *Target) Patience() float64 { return max(t.cfg.Patience, 1) }

// Name implements [lab.Target].
func (t *Target) Name() string { return Name }

// Up implements [lab.Target]: these machines are the playbook's.
func (t *Target) Up(context.Context, lab.Progress) error {
	return errs.E(errs.Usage, "target %s is set up by the playbook", Name).
		WithFix("ansible-playbook -i %s ansible/site.yml", t.cfg.Inventory.Path)
}

// Down implements [lab.Target].
func (t *Target) Down(context.Context, bool, lab.Progress) error {
	return errs.E(errs.Usage, "target %s is taken down by the playbook", Name).
		WithFix("ansible-playbook -i %s ansible/reset.yml", t.cfg.Inventory.Path)
}

// Host implements [lab.Target].
func (t *Target) Host(node string) (lab.Host, error) {
	h, err := t.Machine(node)
	if err != nil {
		return nil, err
	}
	return h, nil
}

// Machine is Host with its own type. Code not_found.
func (t *Target) Machine(node string) (*Host, error) {
	h, ok := t.hosts[node]
	if !ok {
		return nil, errs.E(errs.NotFound, "no node %q in %s", node, t.cfg.Inventory.Path)
	}
	return h, nil
}

// Unit implements [lab.Machined].
func (t *Target) Unit(node, service string) (string, error) {
	h, err := t.Machine(node)
	if err != nil {
		return "", err
	}
	return h.unit(service)
}

// Secret implements [lab.Target].
func (t *Target) Secret(name string) (string, error) {
	path := filepath.Join(t.cfg.State, "secrets", filepath.Base(name))
	if _, err := os.Stat(path); err != nil || (t.cfg.Embedded && name == "mongodb.password") {
		return "", errs.E(errs.NotFound, "no secret %s in %s", name, filepath.Dir(path)).
			WithFix("run the playbook from this folder first, `ansible-playbook -i %s ansible/site.yml`, or give --state", t.cfg.Inventory.Path)
	}
	return path, nil
}

// MongoURI implements [lab.Target].
func (t *Target) MongoURI() string {
	return "mongodb://" + strings.Join(t.cfg.Inventory.Addresses(inventory.MongoDB), ",") + "/"
}

// MongoUser implements [lab.Target].
func (t *Target) MongoUser() string {
	if t.cfg.Embedded {
		return ""
	}
	return "chatlab"
}

// Dial implements [lab.Target]: a private address is dialed from the machine
// that has it, any other from here.
func (t *Target) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		if h, ok := t.owner[host]; ok {
			return h.Dial(ctx, network, addr)
		}
	}
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// Publish implements [lab.Publisher] for the signing key.
func (t *Target) Publish(ctx context.Context, secret string) error {
	if secret != "jwt.key" {
		return errs.E(errs.Usage, "%s cannot be carried to the machines alone", secret).WithFix("ansible-playbook ansible/rotate.yml")
	}
	path, err := t.Secret(secret)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return errs.E(errs.Failed, "%w", err)
	}
	for _, service := range []string{inventory.Authd, inventory.Chatd} {
		for _, n := range t.cfg.Inventory.Members(service) {
			if err := t.hosts[n.Name].rewrite(ctx, etc+"jwt.key", string(text)); err != nil {
				return err
			}
		}
	}
	return nil
}
