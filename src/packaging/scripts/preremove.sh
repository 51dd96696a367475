# A removal stops the service; an upgrade lets it run until the new one is there.
case "$1" in
remove | 0)
  if [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now "$unit" || systemctl stop "$unit"
  fi
  ;;
esac
