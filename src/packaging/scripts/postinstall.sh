# Neither enables nor starts: the service has to be configured first. An
# upgrade restarts what runs; dpkg gives the old version then, rpm a count. Who sets
# CHATLAB_RESTART=later restarts it himself: of servers that are one with others, one
# after the other.
upgrade=no
case "$1" in
configure) test -z "$2" || upgrade=yes ;;
2) upgrade=yes ;;
esac
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  test "$upgrade" = no || test "${CHATLAB_RESTART:-}" = later || systemctl try-restart "$unit"
fi
