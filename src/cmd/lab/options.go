package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/pflag"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local"
	"chatlab/src/lab/local/proc"
	"chatlab/src/lab/local/supervisor"
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
	instance  int
	json      bool
	quiet     bool
	verbose   bool
	from      string // part of the playbook that `up` begins with
	power     bool   // `up` gives each machine a disk whose power can be cut
	sshKey    string
	sshUser   string

	env *app.Env // streams of the program
}

// addTo adds the flags that say which lab is meant. CHATLAB_TARGET, CHATLAB_INVENTORY,
// CHATLAB_STATE and CHATLAB_INSTANCE are their defaults.
func (o *options) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&o.target, "target", o.variable("TARGET", local.Name), "where the lab is: "+targetsHelp)
	flags.StringVar(&o.inventory, "inventory", o.variable("INVENTORY", ""), "`folder or file` that describes the lab (default: that of the lab that is up, or else ansible/inventories/local or …/lab)")
	flags.StringVar(&o.state, "state", o.variable("STATE", ""), "`folder` for the lab's data, secrets and logs (default: .lab beside ansible/ or, outside of a checkout, ~/.local/state/chatlab; a folder TARGET in it if that is not local)")
	flags.IntVar(&o.instance, "instance", o.number("INSTANCE"), "target local: `number` of a lab beside others, with addresses of its own (127.N.75.0/24, 127.N.123.0/24) and a state folder of its own")
}

// variable returns CHATLAB_NAME of the environment, or else a default.
func (o *options) variable(name, otherwise string) string {
	return cmp.Or(o.env.Variable("CHATLAB_"+name), otherwise)
}

// addMaking adds the flags that say what a lab is to be.
func (o *options) addMaking(flags *pflag.FlagSet) {
	flags.StringVar(&o.topology, "topology", "", "`single` (each part once, the default) or ha (three times, so that a machine may die): chooses the inventory")
	flags.StringVar(&o.profile, "profile", "", "target nspawn: `system` of the machines, as debian13: a file of ansible/profiles (default: that of the lab that is up, or else "+profile.Default+")")
}

// addReaching adds the flags that say how hosts are reached.
func (o *options) addReaching(flags *pflag.FlagSet) {
	flags.StringVar(&o.sshKey, "ssh-key", "", "target hosts: `file` of the private key (default: ~/.ssh/id_ed25519)")
	flags.StringVar(&o.sshUser, "ssh-user", "root", "target hosts: user")
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
		return nil, errs.E(errs.Failed, "a drill was cut short and its faults cannot be healed: %w", err).WithFix("`lab down`")
	}
	if healed > 0 {
		fmt.Fprintf(o.env.Stderr, "lab: a drill was cut short: healed %d faults that it had left\n", healed)
	}
	return l, nil
}

// existing is open for a lab that was brought up before. The addresses of an inventory do
// not tell: another lab may answer there. Code usage where there is none.
func (o *options) existing() (*lab.Lab, error) {
	held, err := o.held()
	switch {
	case err != nil:
		return nil, err
	case !held:
		return nil, o.noLab()
	}
	return o.open()
}

// held tells whether a lab was brought up in the state folder. Code usage when that
// cannot be told.
func (o *options) held() (bool, error) {
	if err := o.checkState(); err != nil {
		return false, err
	}
	if err := o.checkInstance(); err != nil {
		return false, err
	}
	i := slices.IndexFunc(targets, func(t targetKind) bool { return t.name == o.target })
	if i < 0 || targets[i].mark == "" {
		return true, nil // targetOf tells of an unknown one; hosts keep nothing here
	}
	return lab.Holds(o.stateDir(), targets[i].mark)
}

// checkState refuses a state that is a file. Code usage.
func (o *options) checkState() error {
	if info, err := os.Stat(o.stateDir()); err == nil && !info.IsDir() {
		return errs.E(errs.Usage, "%s is not a folder", o.stateDir()).WithFix("name a folder with --state")
	}
	return nil
}

// left lists the processes of the state folder's local lab.
func (o *options) left() []proc.Process {
	if o.target != local.Name {
		return nil
	}
	return supervisor.Marked(local.RunDir(o.stateDir()))
}

// noLab reports that there is none, and the remains of one. Code usage.
func (o *options) noLab() error {
	if left := o.left(); len(left) > 0 {
		return errs.E(errs.Usage, "no lab in %s, but %d processes of it run", o.stateDir(), len(left)).WithFix("`lab down` ends them")
	}
	return errs.E(errs.Usage, "no lab in %s", o.stateDir()).WithFix("`lab up` brings one up there; --state names another folder")
}

// describe returns the lab that the flags name, as it is. Fails with code usage.
func (o *options) describe() (*lab.Lab, error) {
	if err := o.checkState(); err != nil {
		return nil, err
	}
	if err := o.checkTopology(); err != nil {
		return nil, err
	}
	if err := o.checkInstance(); err != nil {
		return nil, err
	}
	inv, err := o.loadInventory()
	if err != nil {
		return nil, err
	}
	target, err := o.targetOf(o.stateDir(), inv)
	if err != nil {
		return nil, err
	}
	return &lab.Lab{Inventory: inv, Target: target}, nil
}

// loadInventory reads the inventory that the flags choose. Code usage.
func (o *options) loadInventory() (*inventory.Inventory, error) {
	path, err := o.chosenInventory()
	if err != nil {
		return nil, err
	}
	inv, err := inventory.Load(path)
	if err != nil {
		return nil, err
	}
	return inv.OfInstance(o.instanceNumber())
}

// chosenInventory is inventoryPath where there must be one. Code usage.
func (o *options) chosenInventory() (string, error) {
	path := o.inventoryPath()
	if path == "" {
		return "", errs.E(errs.Usage, "no checkout of chatlab here, and no lab in %s", o.stateDir()).WithFix("run this inside a checkout, or give --inventory")
	}
	return path, nil
}

// stateDir is --state, or .lab in the checkout; outside of one .lab here if it is there,
// or else a folder of the user's. Within it is a folder for each instance.
func (o *options) stateDir() string {
	if o.state != "" {
		return o.state
	}
	dir := filepath.Join(projectDir(), ".lab")
	if _, err := os.Stat(dir); err != nil && projectDir() == "" && o.env.StateHome() != "" {
		dir = o.env.StateHome()
	}
	switch {
	case o.target != local.Name:
		dir = filepath.Join(dir, o.target) // its secrets are not those of target local
	case o.instance > 0:
		dir = filepath.Join(dir, "instance-"+strconv.Itoa(o.instance))
	}
	return dir
}

// inventoryPath is --inventory, or that of the lab that the state holds, or
// the target's own; "" where there is none.
func (o *options) inventoryPath() string {
	if o.inventory != "" {
		return o.inventory
	}
	if path := o.recorded(); path != "" && o.topology == "" {
		return path
	}
	if projectDir() == "" {
		return ""
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

// recorded returns the inventory that the state folder's lab was brought up with, "" if
// none was.
func (o *options) recorded() string {
	of := map[string]func(state string) string{local.Name: local.Recorded, nspawn.Name: nspawn.Recorded, vagrant.Name: vagrant.Recorded}
	if recorded := of[o.target]; recorded != nil {
		return recorded(o.stateDir())
	}
	return ""
}

// Topologies that --topology takes.
const (
	single          = "single"
	highlyAvailable = "ha"
)

// checkTopology refuses an unknown topology, and two inventories. Code usage.
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
