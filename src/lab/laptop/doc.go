// Package laptop finds what would stop `vagrant up` on this host, before
// anything is started: what the users of other kits meet at the first try. Each
// finding names the object, its fault, and the fix.
//
// What the lab asks for comes from its inventory and from vagrant/*.yml, what
// the host has from its own programs, as PATH finds them, and from /proc, /sys
// and /etc. Nothing is changed.
package laptop
