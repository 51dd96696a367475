package main

import (
	"strconv"

	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local"
)

// number returns CHATLAB_NAME of the environment as a number: 0 when it is not set, and
// -1, which checkInstance refuses, when it is no number.
func (o *options) number(name string) int {
	n, err := strconv.Atoi(o.variable(name, "0"))
	if err != nil {
		return -1
	}
	return n
}

// instanceNumber is --instance, or that of the lab that the state folder holds.
func (o *options) instanceNumber() int {
	if o.instance == 0 && o.target == local.Name {
		return local.RecordedInstance(o.stateDir())
	}
	return o.instance
}

// checkInstance refuses a number out of range, and a target whose addresses are fixed. Code
// usage.
func (o *options) checkInstance() error {
	switch {
	case o.instance < 0 || o.instance > inventory.MaxInstance:
		return errs.E(errs.Usage, "--instance takes a number from 1 to %d", inventory.MaxInstance).WithFix("--instance 1")
	case o.instance > 0 && o.target != local.Name:
		return errs.E(errs.Usage, "--instance is for target %s: the addresses of target %s stand in its inventory", local.Name, o.target).
			WithFix("leave it out, or name another inventory with --inventory")
	}
	return nil
}
