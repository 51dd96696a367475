package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local"
	"chatlab/src/lab/nspawn"
	"chatlab/src/lab/remote"
	"chatlab/src/lab/vagrant"
)

// targetKind is a place where a lab can be: what --help says of it, and what the state
// folder holds of a lab that was brought up there.
type targetKind struct{ name, about, mark string }

var targets = []targetKind{
	{local.Name, "processes of this machine", local.Folder},
	{nspawn.Name, "systemd-nspawn machines of this machine, needs root", nspawn.Folder},
	{vagrant.Name, "virtual machines of VirtualBox or libvirt", vagrant.AccessFile},
	{remote.Name, "hosts over SSH that the playbook has set up", ""},
}

var targetsHelp = func() string {
	var out []string
	for _, t := range targets {
		out = append(out, t.name+" ("+t.about+")")
	}
	return strings.Join(out, ", ")
}()

// doctor is a target that knows what would stop it.
type doctor interface {
	lab.Target
	Doctor(ctx context.Context) []local.Finding
}

// targetOf returns the target that --target names. The inventory may be nil
// where it is only taken down. Code usage.
func (o *options) targetOf(state string, inv *inventory.Inventory) (lab.Target, error) {
	if o.profile != "" && o.target != nspawn.Name {
		return nil, errs.E(errs.Usage, "--profile is for target nspawn: elsewhere machines say themselves what they are").
			WithFix("leave it out, or --target %s; target %s takes CHATLAB_PROFILE", nspawn.Name, vagrant.Name)
	}
	if o.from != "" && o.target != nspawn.Name {
		return nil, errs.E(errs.Usage, "--from is for target nspawn, whose playbook has parts").WithFix("leave it out, or --target %s", nspawn.Name)
	}
	if o.power && o.target == remote.Name {
		return nil, errs.E(errs.Usage, "--power: the power of target %s cannot be cut", o.target).WithFix("leave it out, or --target %s or %s", local.Name, nspawn.Name)
	}
	if (o.target == nspawn.Name || o.target == vagrant.Name) && inv != nil && projectDir() == "" {
		return nil, errs.E(errs.Usage, "target %s is set up by the playbook of a checkout of chatlab, and none is here", o.target).WithFix("run this inside a checkout")
	}
	switch o.target {
	case local.Name:
		return local.New(local.Config{State: state, Inventory: inv, Power: o.power})
	case nspawn.Name:
		return nspawn.New(o.machines(state, inv))
	case vagrant.Name:
		return vagrant.New(vagrant.Config{State: state, Inventory: inv, Project: projectDir()})
	case remote.Name:
		return o.hosts(state, inv)
	}
	var names []string
	for _, t := range targets {
		names = append(names, t.name)
	}
	return nil, errs.E(errs.Usage, "unknown target %q", o.target).WithFix("--target %s", strings.Join(names, "|"))
}

// machines describes the machines of target nspawn.
func (o *options) machines(state string, inv *inventory.Inventory) nspawn.Config {
	return nspawn.Config{State: state, Inventory: inv, Project: projectDir(), Profile: o.profile, From: o.from, Power: o.power}
}

// hosts is a lab that somebody's own ansible-playbook has set up.
func (o *options) hosts(state string, inv *inventory.Inventory) (lab.Target, error) {
	if inv == nil {
		return nil, errs.E(errs.Usage, "target %s is taken down by the playbook", remote.Name).WithFix("ansible-playbook ansible/reset.yml")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, errs.E(errs.Usage, "home folder: %w", err)
	}
	state, err = filepath.Abs(state)
	if err != nil {
		return nil, errs.E(errs.Usage, "state folder: %w", err)
	}
	access := remote.Access{User: o.sshUser, Key: o.sshKey, KnownHosts: filepath.Join(home, ".ssh", "known_hosts")}
	if access.Key == "" {
		access.Key, access.Agent = filepath.Join(home, ".ssh", "id_ed25519"), os.Getenv("SSH_AUTH_SOCK")
	}
	if err := access.Check(); err != nil {
		return nil, err
	}
	return remote.New(remote.Config{Inventory: inv, State: state, Embedded: inv.Var("mongodb_embedded") == "true", Access: access}), nil
}
