# Data, secrets and the user stay: they are the lab's, not the package's.
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
