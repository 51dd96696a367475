package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// selinuxTools are SELinux's programs on a machine where kerberos_master_port_t has
// port 4444 by the policy. They keep what they are told in the folder $SELINUX.
var selinuxTools = map[string]string{
	"getsebool": `if [ -e "$SELINUX/$1" ]; then echo "$1 --> on"; else echo "$1 --> off"; fi`,
	"setsebool": `[ "$1 $3" = "-P on" ] && touch "$SELINUX/$2"`,
	"semodule": `case $1 in
--list) ls "$SELINUX" | sed -n 's/\.cil$/	1.0/p' ;;
--install) cp "$2" "$SELINUX/" ;;
*) exit 1 ;;
esac`,
	"semanage": `list=$SELINUX/$1.local
case "$1 $2" in
"port --list") cat "$list" 2>/dev/null || true ;;
"port --add") if [ "$7" = 4444 ]; then echo "already defined" >&2; exit 1; fi; echo "$4 tcp $7" >>"$list" ;;
"port --modify") echo "$4 tcp $7" >>"$list" ;;
"fcontext --list") cat "$list" 2>/dev/null || true ;;
"fcontext --add") echo "$5 $4" >>"$list" ;;
*) exit 1 ;;
esac`,
	"restorecon": `true`,
	"install":    `true`,
}

// The machine itself has no SELinux, so its programs are stand-ins: the script decides
// what to change, and changes nothing the second time.
func TestSELinuxIsToldOnce(t *testing.T) {
	for golden, want := range map[string][]string{
		"el7/log":     {"zabbix_can_network", "httpd_can_connect_zabbix", "chatlab-zabbix.cil"},
		"el7/chat":    nil,
		"el7-ha/log":  {"zabbix_can_network", "httpd_can_connect_zabbix", "chatlab-zabbix.cil", "port.local", "fcontext.local"},
		"el7-ha/chat": {"port.local"},
		"el9/log":     {"zabbix_can_network", "httpd_can_connect_zabbix"},
		"el9-ha/log":  {"zabbix_can_network", "httpd_can_connect_zabbix", "port.local", "fcontext.local"},
	} {
		t.Run(golden, func(t *testing.T) {
			t.Parallel()
			state := t.TempDir()
			script := filepath.Join("..", "..", "ansible", "tests", "golden", golden, "selinux")
			first, second := tellSELinux(t, script, state), tellSELinux(t, script, state)
			if second != "" {
				t.Errorf("the second run printed %q", second)
			}
			if got := strings.Contains(first, "changed"); got != (len(want) > 0) {
				t.Errorf("the first run printed %q", first)
			}
			found, err := os.ReadDir(state)
			if err != nil || len(found) != len(want) {
				t.Errorf("%v, want %q, %v", found, want, err)
			}
			for _, name := range want {
				if text := read(t, filepath.Join(state, name)); name == "port.local" && strings.Count(text, "mysqld_port_t tcp 4") != 2 {
					t.Errorf("%s: %q", name, text)
				}
			}
		})
	}
}

func tellSELinux(t *testing.T, script, state string) string {
	t.Helper()
	bin := t.TempDir()
	for name, text := range selinuxTools {
		write(t, filepath.Join(bin, name), "#!/bin/sh\n"+text+"\n")
		if err := os.Chmod(filepath.Join(bin, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", script)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "SELINUX="+state)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}
