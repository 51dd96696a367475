#!/bin/sh
# inside.sh FOLDER: runs the playbook over the lab from inside one of its machines.
# Sent there by vagrant/inside.rb, with the folder's contents.
set -eu
cd "$1"
if ! command -v ansible-playbook >/dev/null; then
  echo "Installing ansible-core"
  if command -v apt-get >/dev/null; then
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends ansible-core openssh-client
  else
    dnf -q -y install ansible-core openssh-clients
  fi
fi
[ ! -e bin/lab ] || chmod u+x bin/lab
cd ansible
ANSIBLE_HOST_KEY_CHECKING=true exec ansible-playbook -i ../inventory site.yml
