// Package nspawn is the target of systemd-nspawn machines: each node of the
// inventory is a machine that boots its own systemd from a shared Debian image,
// with a foot in two bridges, the public and the private network, and a third
// network interface by which it reaches package servers.
//
// What a lab has on the host is named after its state folder, so that two labs
// stay apart and so that `down` finds all of it, even when the state is gone:
// bridges and interfaces cl<id>…, network namespaces, machines and control
// groups chatlab-<id>-NODE, and the nftables table chatlab_<id>. There is no
// supervisor: each machine is a detached systemd-nspawn.
//
// A machine's files are the image below and a folder of its own above
// (overlayfs); its network namespace is made before it and outlives it, so that
// it can be killed and booted without touching the network.
package nspawn
