# The service's user, before its files are there. An existing one is kept.
getent group "$group" >/dev/null || groupadd --system "$group"
getent passwd "$user" >/dev/null ||
  useradd --system --gid "$group" --home-dir "$data" --no-create-home --shell /usr/sbin/nologin "$user"
