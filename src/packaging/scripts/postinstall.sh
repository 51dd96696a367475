# Neither enables nor starts: the service has to be configured first. An
# upgrade restarts what runs; dpkg gives the old version then, rpm a count.
upgrade=no
case "$1" in
configure) test -z "$2" || upgrade=yes ;;
2) upgrade=yes ;;
esac
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  test "$upgrade" = no || systemctl try-restart "$unit"
fi
