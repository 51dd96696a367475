//go:build bench

package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/mtls"
	"chatlab/src/testkit"
	"chatlab/src/testkit/mtlstest"
	"chatlab/src/token"
)

const (
	clusterSize    = 3
	clusterReaders = 999
	clusterTurns   = 3 // of one chatd and of several
	clusterLimit   = 1.3
)

// TestChatCluster: what the same crowd costs when it is spread over three chatd,
// all on this machine, beside one: processor time of all together for each line
// that is delivered, and the delay from sender to reader. In a burst the fan-out is a
// small part of it; that each line is stored by three, and told to all, is the larger
// one, and has no limit.
func TestChatCluster(t *testing.T) {
	burst, steady, delays := map[int][]float64{}, map[int][]float64{}, []time.Duration{}
	for range clusterTurns {
		for _, n := range []int{1, clusterSize} {
			servers := startCluster(t, n)
			c := connect(t, clusterReaders, servers...)
			c.burst(t, 1) // warm: connections, buffers, log
			pids := pidsOf(servers)
			before := cpuOf(t, pids)
			lines := c.burst(t, 3)
			between := cpuOf(t, pids)
			burst[n] = append(burst[n], float64((between-before).Nanoseconds())/float64(lines))
			lines, late := c.steady(t)
			steady[n] = append(steady[n], float64((cpuOf(t, pids)-between).Nanoseconds())/float64(lines))
			if n > 1 {
				delays = append(delays, late...)
			}
			c.close()
			for _, s := range servers {
				s.stop()
			}
		}
	}
	compare := func(name, limit string, most float64, of map[int][]float64) {
		t.Logf("%s: one %.0f, three %.0f", name, of[1], of[clusterSize])
		one, three := median(of[1]), median(of[clusterSize])
		row(t, name+": one chatd", one, "CPU-ns/line", "-", true)
		row(t, name+": three chatd over one", three/one, "", limit, three/one <= most)
	}
	compare(fmt.Sprintf("chat burst, %d readers", clusterReaders), "-", math.Inf(1), burst)
	compare(fmt.Sprintf("chat 200 lines/s to %d readers", clusterReaders), fmt.Sprintf("<= %.1f", clusterLimit), clusterLimit, steady)
	slices.Sort(delays)
	row(t, "chat 200 lines/s over three chatd: p99", delays[len(delays)*99/100].Seconds()*1e3, "ms", "-", true)
}

// startCluster starts n chatd that are one; one is a chatd of its own.
func startCluster(t *testing.T, n int) []*chatServer {
	t.Helper()
	key, ca, routes := writeFile(t, "jwt.key", token.NewKeyLine()), mtlstest.NewAuthority(t), testkit.FreeAddrs(t, n)
	var peers strings.Builder
	for i, a := range routes {
		fmt.Fprintf(&peers, "bench%d %s\n", i, a)
	}
	file := writeFile(t, "peers", peers.String())
	var servers []*chatServer
	for i, route := range routes {
		var flags []string
		if n > 1 {
			tls := ca.Files(mtls.Chatd, fmt.Sprint("bench", i))
			flags = []string{"--cluster.listen=" + route, "--cluster.peers-file=" + file,
				"--cluster.ca=" + tls.CA, "--cluster.cert=" + tls.Cert, "--cluster.key=" + tls.Key}
		}
		servers = append(servers, beginChat(t, fmt.Sprint("bench", i), key, flags...))
	}
	for _, s := range servers {
		s.awaitReady(t)
	}
	return servers
}

func pidsOf(servers []*chatServer) (pids []int) {
	for _, s := range servers {
		pids = append(pids, s.pid)
	}
	return pids
}
