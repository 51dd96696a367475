// Package laptop finds what would stop `vagrant up` on this host, before
// anything is started: what the users of other kits meet at the first try. Each
// finding says what was looked at, what is wrong with it, and what mends it.
//
// What the lab asks for comes from its inventory and from vagrant/*.yml, what
// the host has from its own programs, as PATH finds them, and from /proc, /sys
// and /etc. Nothing is changed.
package laptop
