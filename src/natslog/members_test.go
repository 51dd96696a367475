package natslog_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"chatlab/src/chat"
	"chatlab/src/errs"
	"chatlab/src/mtls"
	"chatlab/src/natslog"
	"chatlab/src/testkit"
	"chatlab/src/testkit/mtlstest"
)

// talk says lines by some members until stop, each until it is stored, and returns
// how many there were.
func (r *ring) talk(members ...int) (stop func() int) {
	ctx, cancel := context.WithCancel(r.t.Context())
	var talking sync.WaitGroup
	counts := make([]int, len(members))
	for k, i := range members {
		log := r.logs[i]
		talking.Go(func() {
			for ; ctx.Err() == nil; counts[k]++ {
				d := chat.Draft{Room: "lobby", User: fmt.Sprint("user", k), Text: fmt.Sprint(k, " says ", counts[k]), ID: fmt.Sprint(k, "-", counts[k])}
				for r.t.Context().Err() == nil && log.Publish(r.t.Context(), d)[0].Err != nil {
				}
			}
		})
	}
	return sync.OnceValue(func() int {
		cancel()
		talking.Wait()
		total := 0
		for _, n := range counts {
			total += n
		}
		return total
	})
}

// servers waits until JetStream has exactly these servers, and each named one that
// runs knows three replicas that have all.
func (r *ring) servers(members ...int) {
	r.t.Helper()
	var want []string
	for _, i := range members {
		want = append(want, fmt.Sprint("node", i))
	}
	testkit.Until(r.t, fmt.Sprint("the servers are ", want), func() bool {
		for _, log := range r.up() {
			if slices.Equal(log.Servers(), want) {
				return true
			}
		}
		return false
	})
	testkit.Until(r.t, "three replicas have all", func() bool {
		return !slices.ContainsFunc(members, func(i int) bool { return r.logs[i].Replicas(r.t.Context()) != 3 })
	})
}

func TestAMemberJoinsAndAnotherLeavesWhileUsersTalk(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	to := newSink()
	stops := map[int]func(){}
	for i, log := range r.logs {
		stops[i] = emit(t, log, to)
	}
	readers := []*reader{follow(t, r.logs[0]), follow(t, r.logs[1])}
	stop := r.talk(0, 1)
	defer stop()

	r.peers, r.logs = append(r.peers, testkit.FreeAddr(t)), append(r.logs, nil)
	r.name(0, 1, 2, 3)
	r.start(3)
	stops[3] = emit(t, r.logs[3], to)
	readers = append(readers, follow(t, r.logs[3]))
	r.ready()
	r.servers(0, 1, 2, 3)

	r.logs[2].HandOver()
	stops[2]()
	r.stop(2)
	r.name(0, 1, 3)
	r.servers(0, 1, 3)
	for _, i := range []int{0, 1, 3} { // the count of replicas may still have been of the one that left
		testkit.Until(t, fmt.Sprintf("member %d has a replica", i), func() bool { return r.logs[i].Holds() })
	}

	total := stop()
	for i, reader := range readers {
		testkit.Until(t, "the reader has all", func() bool { return len(reader.lines()) >= total })
		if got := reader.lines(); len(got) != total || !slices.Equal(got, readers[0].lines()) {
			t.Errorf("reader %d saw %d lines of %d, or in another order than reader 0", i, len(got), total)
		}
	}
	ids := map[string]int{}
	for _, ev := range to.wait(t, total) {
		ids[ev.ID.String()]++
	}
	if len(ids) != total {
		t.Errorf("%d different events of %d lines", len(ids), total)
	}
}

func TestAMemberThatIsNamedStaysWhileItIsAway(t *testing.T) {
	t.Parallel()
	r := newRing(t, 4)
	away := (r.leader() + 1) % 4
	r.stop(away)
	for _, log := range r.up() {
		for range 3 {
			if left := log.LeftOver(20); len(left) > 0 {
				t.Errorf("%v would be removed, which is named", left)
			}
		}
	}
}

func TestNamesThatCannotBeUsedChangeNothing(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	r.name(0, 1)
	if err := r.logs[0].Reread(); err == nil || !strings.Contains(err.Error(), "two members are no cluster") {
		t.Error(err)
	}
	if err := r.logs[0].Reread(); err != nil {
		t.Errorf("said twice: %v", err)
	}
	if got := r.logs[0].Members(); got != 3 {
		t.Errorf("%d members", got)
	}
	r.name(0, 1, 2)
	if err := r.logs[0].Reread(); err != nil {
		t.Error(err)
	}
}

func TestAClusterIsRefusedBeforeAnythingStarts(t *testing.T) {
	files := mtlstest.NewAuthority(t).Files(mtls.Chatd, "kim")
	three := "kim 127.0.0.1:1\nlee 127.0.0.2:1\n# a remark\n\npark 127.0.0.3:1\n"
	for name, tt := range map[string]struct {
		listen, peers string
		tls           mtls.Files
		want          string
	}{
		"no port":          {"127.0.0.1", three, files, "cluster.listen"},
		"a broken peer":    {"127.0.0.1:1", three + "choi there\n", files, "line 6: address there"},
		"not two words":    {"127.0.0.1:1", three + "127.0.0.4:1\n", files, "line 6 is not a name and an address"},
		"a name twice":     {"127.0.0.1:1", three + "kim 127.0.0.4:1\n", files, "named twice"},
		"an address twice": {"127.0.0.1:1", three + "choi 127.0.0.3:1\n", files, "named twice"},
		"two members":      {"127.0.0.1:1", "kim 127.0.0.1:1\nlee 127.0.0.2:1\n", files, "two members are no cluster"},
		"alone":            {"127.0.0.1:1", "kim 127.0.0.1:1\n", files, "no other member"},
		"not named":        {"127.0.0.1:1", "choi 127.0.0.1:1\n", files, "does not name this server, kim"},
		"no file":          {"127.0.0.1:1", "", files, "no such file"},
		"no TLS":           {"127.0.0.1:1", three, mtls.Files{}, "TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			c := natslog.Cluster{Listen: tt.listen, PeersFile: filepath.Join(t.TempDir(), "peers"), TLS: tt.tls}
			if tt.peers != "" {
				if err := os.WriteFile(c.PeersFile, []byte(tt.peers), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Prepare("kim"); !errs.Is(err, errs.Usage) || errs.FixOf(err) == "" || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, fix %q, want %q", err, errs.FixOf(err), tt.want)
			}
		})
	}
}
