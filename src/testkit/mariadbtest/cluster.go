package mariadbtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatlab/src/mariadb"
	"chatlab/src/testkit"
	"chatlab/src/wait"
)

// providers are the paths of Galera's library in the distributions.
var providers = []string{"/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera-4/libgalera_smm.so", "/usr/lib64/galera/libgalera_smm.so"}

// Cluster is a Galera cluster of servers.
type Cluster []*Server

// StartCluster starts n servers that are one. Without Galera on the machine the
// test fails, or is skipped under -short.
func StartCluster(t testing.TB, n int) Cluster {
	t.Helper()
	provider := ""
	for _, path := range providers {
		if _, err := os.Stat(path); err == nil {
			provider = path
		}
	}
	if _, err := exec.LookPath("rsync"); (err != nil || provider == "") && testing.Short() {
		t.Skip("install galera-4 and rsync")
	} else if err != nil || provider == "" {
		t.Fatal("install galera-4 and rsync")
	}
	members := make([]string, n)
	for i := range members {
		members[i] = testkit.FreeAddr(t)
	}
	c := make(Cluster, n)
	for i := range c {
		c[i] = install(t, "mysql") // rsync, which root starts, would be nobody
		c[i].extra = []string{
			"--wsrep-on=ON", "--wsrep-provider=" + provider, "--wsrep-cluster-name=test",
			"--wsrep-cluster-address=gcomm://" + strings.Join(members, ","),
			fmt.Sprint("--wsrep-node-name=node", i), "--wsrep-node-address=" + members[i],
			"--wsrep-sst-method=rsync", "--wsrep-sst-receive-address=" + testkit.FreeAddr(t),
			"--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
			"--wsrep-provider-options=gcache.size=8M; ist.recv_addr=" + testkit.FreeAddr(t) + "; gmcast.listen_addr=tcp://" + members[i] +
				"; evs.keepalive_period=PT0.3S; evs.join_retrans_period=PT0.3S; evs.inactive_check_period=PT0.2S; evs.suspect_timeout=PT1.5S; evs.inactive_timeout=PT5S; evs.install_timeout=PT4S",
		}
	}
	c[0].launch(t, "--wsrep-new-cluster")
	c[0].waitReady(t)
	for _, s := range c[1:] {
		s.launch(t)
		s.waitReady(t)
	}
	for _, s := range c {
		s.WaitFor(t, "wsrep_local_state_comment", "Synced")
		s.WaitFor(t, "wsrep_cluster_size", fmt.Sprint(n))
	}
	return c
}

// own gives the server's folder to whom it runs as.
func (s *Server) own(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	if out, err := exec.Command("chown", "-R", s.user, s.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// Reunite starts a member that was killed, and has the data of one that was left
// alone go on with both: what the playbook's chatlab-galera-guard does.
func (c Cluster) Reunite(t testing.TB, alone, killed int) {
	t.Helper()
	c[killed].launch(t)
	c[alone].WaitFor(t, "wsrep_cluster_size", "2")
	c[alone].SetProvider(t, "pc.bootstrap", 1)
	c[killed].waitReady(t)
	for _, i := range []int{alone, killed} {
		c[i].WaitFor(t, "wsrep_local_state_comment", "Synced")
	}
}

// SetProvider sets an option of Galera's: in new servers a variable of its own, in old
// ones part of one.
func (s *Server) SetProvider(t testing.TB, option string, value int) {
	t.Helper()
	db := s.admin(t, "")
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(fmt.Sprintf("SET GLOBAL wsrep_provider_%s = %d", strings.ReplaceAll(option, ".", "_"), value)); err == nil {
		return
	}
	s.Exec(t, fmt.Sprintf("SET GLOBAL wsrep_provider_options = '%s=%d'", option, value))
}

// WaitFor waits until a status of the server has a value.
func (s *Server) WaitFor(t testing.TB, status, want string) {
	t.Helper()
	db := s.admin(t, "")
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reached := wait.Until(ctx, 20*time.Millisecond, func() bool {
		var name, value string
		err := db.QueryRowContext(ctx, "SHOW STATUS LIKE '"+status+"'").Scan(&name, &value)
		return err == nil && value == want
	})
	if !reached {
		t.Fatalf("%s is not %s", status, want)
	}
}

// Kill ends the server as a power cut does.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if err := syscall.Kill(s.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.exited
	s.exited = nil
}

// Freeze lets the server do nothing until the function that it returns is called.
func (s *Server) Freeze(t testing.TB) (thaw func()) {
	t.Helper()
	if err := syscall.Kill(s.pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	return func() { _ = syscall.Kill(s.pid, syscall.SIGCONT) }
}

// NewDatabase makes an empty database that all members have, and returns how to
// open it by any.
func (c Cluster) NewDatabase(t testing.TB) (cfg mariadb.Config) {
	t.Helper()
	cfg = c[0].NewDatabase(t)
	cfg.Addresses = nil
	for _, s := range c {
		cfg.Addresses = append(cfg.Addresses, s.Socket)
	}
	return cfg
}
