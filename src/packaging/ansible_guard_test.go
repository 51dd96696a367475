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
	script := filepath.Join("..", "..", "ansible", "tests", "golden", "debian13-ha", "log", "usr", "local", "sbin", "chatlab-galera-guard")
	for server, knows := range map[string]string{
		"MariaDB 11.8":  "SET GLOBAL wsrep_provider_pc_bootstrap = ON",
		"MariaDB 10.11": "SET GLOBAL wsrep_provider_options = 'pc.bootstrap=1'",
	} {
		t.Run(server, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range guarded {
				path := filepath.Join(dir, name)
				write(t, path, "#!/bin/sh\n"+text+"\n")
				if err := os.Chmod(path, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command("sh", script)
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "AT="+dir, "KNOWS="+knows)
			out, _ := cmd.CombinedOutput() // it ends when it may look no more
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
