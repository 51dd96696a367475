# What the roles must know of a machine, in one round trip, without Python.
set -eu
# shellcheck disable=SC1091
. /etc/os-release
echo "os=$ID"
echo "release=${VERSION_ID:-}"
free() { df -Pk "$1" | awk 'NR == 2 { print $4 }'; }
echo "var_free_kb=$(free /var)"
echo "opt_free_kb=$(free /opt)"
if [ -d /run/systemd/system ]; then echo systemd=yes; fi
if [ -x /usr/bin/python3 ]; then echo python3=yes; fi
if grep -qw avx /proc/cpuinfo; then echo avx=yes; fi
echo "container=$(systemd-detect-virt --container 2>/dev/null || true)"
ip -o addr | awk '{ split($4, a, "/"); print "address=" a[1] "/" $2 }'
if [ -e /usr/libexec/keepalived/chatlab-ready ]; then echo vip=yes; fi
# The folder of JetStream's own group: this machine's chat server is one of several.
if [ -e "/var/lib/chatlab/chatd/jetstream/\$SYS/_js_/_meta_" ]; then echo chatd=member; fi
if [ -e "/var/lib/chatlab/chatd/jetstream/\$G/streams/chat" ]; then echo chatd_log=yes; fi
for service in authd chatd logd healthd; do
  if systemctl --quiet is-enabled "chatlab-$service" 2>/dev/null; then echo "${service}_enabled=yes"; fi
done
if [ -e /etc/centos-release ]; then sed -nE 's/.*release ([0-9]+\.[0-9]+).*/minor=\1/p' /etc/centos-release; fi
if [ -e /etc/yum.repos.d/epel.repo ]; then echo epel=yes; fi
echo "selinux=$(getenforce 2>/dev/null || true)"
# rpcbind listens on every address, and only NFS needs it.
if systemctl --quiet is-active rpcbind.socket rpcbind.service 2>/dev/null &&
  ! systemctl --quiet is-active nfs-server.service && ! grep -q ' nfs' /proc/mounts; then
  echo rpcbind=idle
fi
# Last: what came before took its time, too.
echo "clock=$(date +%s.%N)"
