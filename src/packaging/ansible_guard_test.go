package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The programs that the guard calls: a member that was in the cluster, and is now with one
// that was killed; it takes the statement that begins with $KNOWS. The guard looks six times.
var guarded = map[string]string{
	"sleep": `echo >>"$AT/looks"; [ "$(wc -l <"$AT/looks")" -le 6 ]`,
	"mariadb": `for statement; do :; done
case "$statement" in
  "$KNOWS"*) echo "$statement" >>"$AT/taken" ;;
  SHOW*)
    if [ "$(wc -l <"$AT/looks")" -eq 1 ]; then size=3 status=Primary; else size=2 status=non-Primary; fi
    printf 'wsrep_cluster_size\t%s\nwsrep_cluster_status\t%s\nwsrep_local_state_comment\tSynced\n' $size $status ;;
  *) echo "ERROR: $statement" >&2; exit 1 ;;
esac`,
	"logger": `echo "$*" >>"$AT/said"`,
}

func TestTheGuardOfTheDatabaseClusterContinuesIt(t *testing.T) {
	for server, knows := range map[string]string{
		"MariaDB 11.8":  "SET GLOBAL wsrep_provider_pc_bootstrap = ON",
		"MariaDB 10.11": "SET GLOBAL wsrep_provider_options = 'pc.bootstrap=1'",
	} {
		t.Run(server, func(t *testing.T) {
			dir, out := guard(t, guarded, "KNOWS="+knows)
			taken, _ := os.ReadFile(filepath.Join(dir, "taken"))
			if strings.TrimSpace(string(taken)) != knows {
				t.Errorf("the server took %q, want %q\n%s", taken, knows, out)
			}
			if said := read(t, filepath.Join(dir, "said")); strings.Contains(said, "did not work") {
				t.Error(said)
			}
		})
	}
}

// guard runs the guard with programs of a test until it may look no more, and returns
// their folder and what it wrote.
func guard(t *testing.T, programs map[string]string, environ ...string) (dir, out string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range programs {
		path := filepath.Join(dir, name)
		write(t, path, "#!/bin/sh\n"+text+"\n")
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script := filepath.Join("..", "..", "ansible", "tests", "golden", "debian13-ha", "log", "usr", "local", "sbin", "chatlab-galera-guard")
	cmd := exec.Command("sh", script)
	cmd.Env = append(os.Environ(), append(environ, "PATH="+dir+":"+os.Getenv("PATH"), "AT="+dir)...)
	text, _ := cmd.CombinedOutput() // its end is a failure of sleep
	return dir, string(text)
}

// A member that left the cluster after an error, as of a full disk, is started again once
// there is room; one that never was in it is left alone.
func TestTheGuardBringsAMemberBackThatLeft(t *testing.T) {
	for name, tt := range map[string]struct {
		first string // its status at the first look
		room  string // KiB
		want  string
	}{
		"room again":    {"Primary", "2000000", "restart mariadb\n"},
		"full still":    {"Primary", "100", ""},
		"was not in it": {"Disconnected", "2000000", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir, out := guard(t, map[string]string{
				"sleep":  guarded["sleep"],
				"logger": guarded["logger"],
				"mariadb": `if [ "$(wc -l <"$AT/looks")" -eq 1 ]; then status=$FIRST; else status=Disconnected; fi
printf 'wsrep_cluster_size\t0\nwsrep_cluster_status\t%s\nwsrep_local_state_comment\tSynced\n' $status`,
				"df":        `printf 'Filesystem 1024-blocks Used Available Capacity Mounted\n/dev/x 9 9 %s 9%% /\n' "$ROOM"`,
				"systemctl": `echo "$*" >>"$AT/ordered"`,
			}, "FIRST="+tt.first, "ROOM="+tt.room)
			if ordered, _ := os.ReadFile(filepath.Join(dir, "ordered")); string(ordered) != tt.want {
				t.Errorf("it ordered %q, want %q\n%s", ordered, tt.want, out)
			}
		})
	}
}
