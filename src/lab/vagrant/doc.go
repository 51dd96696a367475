// Package vagrant is the target of virtual machines: what the Vagrantfile
// brings up on VirtualBox or libvirt, set up by the same playbook as all else.
//
// Vagrant does the work, and its peculiarities stay in vagrant/*.rb. Its
// last machine records in the state folder how all are reached (access.json,
// known_hosts): with that, checks and drills go over SSH, as to any host.
package vagrant
