package main

import (
	"chatlab/src/chat"
	"chatlab/src/errs"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/inventory"
)

// check names the option of a drill that makes no sense, with its value. Code usage.
func (opt asked) check() error {
	bad := func(format string, args ...any) error { return errs.E(errs.Usage, format, args...) }
	switch {
	case opt.For <= 0:
		return bad("--for %s must be more than 0", opt.For)
	case opt.Recovery <= 0:
		return bad("--recovery %s must be more than 0", opt.Recovery)
	case opt.Users < 2:
		return bad("--users %d must be 2 or more", opt.Users)
	case 2*opt.Rate < opt.Users:
		return bad("--rate %d must be at least half of --users %d", opt.Rate, opt.Users)
	case opt.Rooms < 0:
		return bad("--rooms %d must not be negative", opt.Rooms)
	case opt.report != "":
		return drill.CheckFile(opt.report)
	}
	return nil
}

// checkLoad refuses a load that the chat servers of a lab would refuse by their own
// limits, and says how much would fit. Code usage.
func checkLoad(opt drill.Options, inv *inventory.Inventory) error {
	limits := chat.DefaultLimits()
	most := limits.PerAddress * len(inv.Members(inventory.Chatd))
	if opt.Users > most {
		return errs.E(errs.Usage, "--users %d: the chat servers take %d connections from one address", opt.Users, most).
			WithFix("--users %d", most)
	}
	each := int(limits.Rate)
	if opt.Rate <= each*opt.Users {
		return nil
	}
	err := errs.E(errs.Usage, "--rate %d with --users %d is more than the %d lines a second that a chat server takes from a user", opt.Rate, opt.Users, each)
	if need := (opt.Rate + each - 1) / each; need <= most {
		return err.WithFix("--rate %d, or --users %d", each*opt.Users, need)
	}
	return err.WithFix("--rate %d", each*opt.Users)
}
