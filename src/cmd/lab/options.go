package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local"
	"chatlab/src/lab/nspawn"
	"chatlab/src/lab/profile"
	"chatlab/src/lab/vagrant"
)

// options are the flags that every verb takes.
type options struct {
	target    string
	inventory string
	topology  string
	state     string
	profile   string
	json      bool
	from      string // part of the playbook that `up` begins with
	power     bool   // `up` gives each machine a disk whose power can be cut
	sshKey    string
	sshUser   string

	env *app.Env // streams of the program
}

func (o *options) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&o.target, "target", "local", "where the lab is: "+targetsHelp)
	flags.StringVar(&o.inventory, "inventory", "", "`folder or file` that describes the lab (default: that of the lab that is up, or else ansible/inventories/local or …/lab)")
	flags.StringVar(&o.topology, "topology", "", "`single` (each part once, the default) or ha (three times, so that a machine may die): chooses the inventory")
	flags.StringVar(&o.state, "state", "", "`folder` for the lab's data, secrets and logs (default: .lab beside ansible/, .lab/TARGET if that is not local)")
	flags.StringVar(&o.profile, "profile", "", "target nspawn: `system` of the machines, as debian13: a file of ansible/profiles (default: that of the lab that is up, or else "+profile.Default+")")
	flags.StringVar(&o.sshKey, "ssh-key", "", "target hosts: `file` of the private key (default: ~/.ssh/id_ed25519)")
	flags.StringVar(&o.sshUser, "ssh-user", "root", "target hosts: user")
	flags.BoolVar(&o.json, "json", false, "machine-readable output")
}

// open returns the lab that the flags name, healed of what a drill that was
// killed has left. Fails with code usage, and failed when it cannot be healed.
func (o *options) open() (*lab.Lab, error) {
	l, err := o.describe()
	if err != nil {
		return nil, err
	}
	healed, err := drill.Heal(context.Background(), l, o.stateDir())
	if err != nil {
		return nil, errs.E(errs.Failed, "a drill was cut short and its faults cannot be healed: %w", err).WithFix("`%s`", o.command("down"))
	}
	if healed > 0 {
		fmt.Fprintf(o.env.Stderr, "lab: a drill was cut short: healed %d faults that it had left\n", healed)
	}
	return l, nil
}

// describe returns the lab that the flags name, as it is. Fails with code usage.
func (o *options) describe() (*lab.Lab, error) {
	if err := o.checkTopology(); err != nil {
		return nil, err
	}
	state := o.stateDir()
	path := o.inventoryPath(state)
	inv, err := inventory.Load(path)
	if err != nil {
		return nil, err
	}
	target, err := o.targetOf(state, inv)
	if err != nil {
		return nil, err
	}
	return &lab.Lab{Inventory: inv, Target: target}, nil
}

// program returns what to type to call this program: ./bin/lab, or its whole
// path.
func (o *options) program() string {
	exe, err := os.Executable()
	if err != nil {
		return "lab"
	}
	if dir, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(dir, exe); err == nil && len(rel) < len(exe) && filepath.IsLocal(rel) {
			return "." + string(filepath.Separator) + rel
		}
	}
	return exe
}

// stateDir is --state, or .lab in the project's folder, or .lab here.
func (o *options) stateDir() string {
	if o.state != "" {
		return o.state
	}
	dir := filepath.Join(projectDir(), ".lab")
	if o.target != local.Name {
		dir = filepath.Join(dir, o.target) // its secrets are not those of target local
	}
	return dir
}

// inventoryPath is --inventory, or that of the lab that the state holds, or
// the target's own.
func (o *options) inventoryPath(state string) string {
	if o.inventory != "" {
		return o.inventory
	}
	recorded := local.Recorded
	switch o.target {
	case nspawn.Name:
		recorded = nspawn.Recorded
	case vagrant.Name:
		recorded = vagrant.Recorded
	}
	if path := recorded(state); path != "" && o.topology == "" {
		return path
	}
	if o.target == vagrant.Name && o.topology != highlyAvailable {
		return vagrant.Inventory(projectDir())
	}
	name := o.target
	if name != local.Name {
		name = "lab" // the machines' addresses
	}
	switch {
	case o.topology == highlyAvailable && o.target == local.Name:
		name = "local-ha"
	case o.topology == highlyAvailable:
		name = "ha"
	}
	return filepath.Join(projectDir(), "ansible", "inventories", name)
}

// Topologies that --topology takes.
const (
	single          = "single"
	highlyAvailable = "ha"
)

// checkTopology refuses what is no topology, and two inventories. Code usage.
func (o *options) checkTopology() error {
	switch {
	case o.topology != "" && o.topology != single && o.topology != highlyAvailable:
		return errs.E(errs.Usage, "unknown topology %q", o.topology).WithFix("--topology %s|%s", single, highlyAvailable)
	case o.topology != "" && o.inventory != "":
		return errs.E(errs.Usage, "--topology and --inventory both choose the inventory").WithFix("leave one out")
	}
	return nil
}

// projectDir finds the folder with ansible/inventories: the working folder or
// one above it, or one above the program; "" if there is none.
func projectDir() string {
	var from []string
	if dir, err := os.Getwd(); err == nil {
		from = append(from, dir)
	}
	if exe, err := os.Executable(); err == nil {
		from = append(from, filepath.Dir(exe))
	}
	for _, dir := range from {
		for {
			if info, err := os.Stat(filepath.Join(dir, "ansible", "inventories")); err == nil && info.IsDir() {
				return dir
			}
			up := filepath.Dir(dir)
			if up == dir {
				break
			}
			dir = up
		}
	}
	return ""
}
