package mariadb_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatlab/src/auth"
	"chatlab/src/errs"
	"chatlab/src/mariadb"
	"chatlab/src/testkit/authtest"
	"chatlab/src/testkit/mariadbtest"
)

// TestGalera starts one cluster for all that needs a real one; the tests' actions on it
// comes in order.
func TestGalera(t *testing.T) {
	c := mariadbtest.StartCluster(t, 3)
	t.Run("the store keeps the contract", func(t *testing.T) {
		authtest.Store(t, func(t *testing.T) authtest.Opener {
			cfg := c.NewDatabase(t)
			return func(t *testing.T) auth.Store { return open(t, cfg) }
		})
	})
	contracts(t, func(t *testing.T) authtest.NodeOpener {
		cfg := c.NewDatabase(t)
		return func(t *testing.T, node int) auth.Store { return by(t, cfg, node%len(c)) }
	})
	t.Run("a user is known to every server at once", func(t *testing.T) { knownAtOnce(t, c) })
	t.Run("of many that take one id one gets it", func(t *testing.T) { oneGetsIt(t, c) })
	t.Run("a member tells of its cluster", func(t *testing.T) { tells(t, c) })
	t.Run("when a server falls silent another is used", func(t *testing.T) { silent(t, c) })
	t.Run("that a user is unknown is said while a server leaves and comes back", func(t *testing.T) { unknownMeanwhile(t, c) })
	t.Run("a server that lost the others is not used", func(t *testing.T) { minority(t, c) })
}

// by opens the database by the servers in another order.
func by(t *testing.T, cfg mariadb.Config, first int) *mariadb.Store {
	t.Helper()
	cfg.Addresses = append(append([]string{}, cfg.Addresses[first:]...), cfg.Addresses[:first]...)
	return openUntilEnd(t, cfg)
}

func knownAtOnce(t *testing.T, c mariadbtest.Cluster) {
	cfg := c.NewDatabase(t)
	here, there := by(t, cfg, 0), by(t, cfg, 1)
	for i := range 100 {
		u := authtest.User(fmt.Sprint("user", i))
		if err := here.Create(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		if _, err := there.Get(t.Context(), u.ID); err != nil {
			t.Fatalf("user %d: %v", i, err)
		}
	}
}

func oneGetsIt(t *testing.T, c mariadbtest.Cluster) {
	cfg := c.NewDatabase(t)
	stores := []*mariadb.Store{by(t, cfg, 0), by(t, cfg, 1), by(t, cfg, 2)}
	for i := range 30 {
		var all sync.WaitGroup
		got := make([]error, len(stores))
		for k, s := range stores {
			u := authtest.User(fmt.Sprint("user", i))
			u.Hash = fmt.Sprint("hash of ", k)
			all.Go(func() { got[k] = s.Create(t.Context(), u) })
		}
		all.Wait()
		won := 0
		for _, err := range got {
			if err == nil {
				won++
			} else if !errs.Is(err, errs.IDTaken) {
				t.Fatal(err)
			}
		}
		if won != 1 {
			t.Fatalf("%d got the id", won)
		}
	}
}

// pinger asks one server of a cluster.
func pinger(t *testing.T, s *mariadbtest.Server, cfg mariadb.Config) *mariadb.Pinger {
	t.Helper()
	cfg.Addresses, cfg.Name = []string{s.Socket}, "information_schema"
	p, err := mariadb.OpenPinger(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// says compares what a member says of its cluster.
func says(t *testing.T, p *mariadb.Pinger, want map[string]string) {
	t.Helper()
	got, err := p.Wsrep(t.Context())
	if err != nil {
		t.Error(err)
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
}

func tells(t *testing.T, c mariadbtest.Cluster) {
	cfg := c.NewDatabase(t)
	speakers := 0
	for _, s := range c {
		p := pinger(t, s, cfg)
		says(t, p, map[string]string{"wsrep_cluster_size": "3", "wsrep_cluster_status": "Primary", "wsrep_ready": "ON", "wsrep_local_state": "4"})
		if got, err := p.Wsrep(t.Context()); err == nil && got["wsrep_local_index"] == "0" {
			speakers++
		}
	}
	if speakers != 1 {
		t.Errorf("%d members have the index 0", speakers)
	}
}

// silent is a machine without power: nothing is heard of it, and the others take
// a moment to go on without it.
func silent(t *testing.T, c mariadbtest.Cluster) {
	cfg := c.NewDatabase(t)
	s := by(t, cfg, 0)
	if err := s.Create(t.Context(), authtest.User("before")); err != nil {
		t.Fatal(err)
	}
	thaw := c[0].Freeze(t)
	defer func() {
		thaw()
		c[0].WaitFor(t, "wsrep_local_state_comment", "Synced")
		c[0].WaitFor(t, "wsrep_cluster_size", "3")
	}()
	begun := time.Now()
	for _, id := range []string{"after", "later"} {
		if err := s.Create(t.Context(), authtest.User(id)); err != nil {
			t.Errorf("%s, %s after the fault: %v", id, time.Since(begun), err)
		}
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("another server was used after %s", took)
	}
	for _, id := range []string{"before", "after", "later"} {
		if _, err := s.Get(t.Context(), id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// unknownMeanwhile asks for unknown users, which a server answers once it
// has all that the others had committed: it cannot wait for that while they decide
// which of them are there. The call is made again for as long as it has time.
func unknownMeanwhile(t *testing.T, c mariadbtest.Cluster) {
	cfg := c.NewDatabase(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var asking sync.WaitGroup
	var asked, slow atomic.Int64
	for first := range c {
		s := by(t, cfg, first)
		asking.Go(func() {
			for ctx.Err() == nil {
				begun := time.Now()
				_, err := s.Get(t.Context(), "nobody")
				// Servers that take longer to agree than a call has are those of a busy machine.
				if took := time.Since(begun); !errs.Is(err, errs.NotFound) && took < mariadb.SeveralTimeout {
					t.Errorf("after %s: %v", took, err)
				}
				asked.Add(1)
				slow.Store(max(slow.Load(), time.Since(begun).Milliseconds()))
			}
		})
	}
	c[0].SetProvider(t, "gmcast.isolate", 1)
	c[0].WaitFor(t, "wsrep_cluster_status", "non-Primary")
	c[1].WaitFor(t, "wsrep_cluster_size", "2")
	c[0].SetProvider(t, "gmcast.isolate", 0)
	c[0].WaitFor(t, "wsrep_local_state_comment", "Synced")
	c[0].WaitFor(t, "wsrep_cluster_size", "3")
	cancel()
	asking.Wait()
	t.Logf("asked %d times, the slowest took %d ms", asked.Load(), slow.Load())
}

func minority(t *testing.T, c mariadbtest.Cluster) {
	cfg := c.NewDatabase(t)
	s := by(t, cfg, 0)
	watched := pinger(t, c[0], cfg)
	c[1].Kill(t)
	c[2].Kill(t)
	c[0].WaitFor(t, "wsrep_cluster_status", "non-Primary")
	says(t, watched, map[string]string{"wsrep_cluster_status": "non-Primary", "wsrep_cluster_size": "1", "wsrep_ready": "OFF"})
	if err := watched.Ping(t.Context()); err != nil {
		t.Errorf("a server alone does not answer who only watches it: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Create(ctx, authtest.User("kim")); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a server alone took a user: %v", err)
	}
	if err := s.Ready(ctx); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a server alone is ready: %v", err)
	}
	authtest.Away(t, s)
	c.Reunite(t, 0, 1)
	if err := s.Create(t.Context(), authtest.User("kim")); err != nil {
		t.Errorf("when the second is back: %v", err)
	}
}
