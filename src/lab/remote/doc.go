// Package remote reaches the machines of a lab over SSH: it runs commands,
// acts on their systemd units, and opens connections from them, since the one
// who checks a lab is not on its private network.
//
// Each machine has one SSH connection, which is opened when it is needed and
// again when it broke; a machine's key must be in a known_hosts file.
package remote
