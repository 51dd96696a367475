//go:build bench

package bench

import (
	"fmt"
	"net"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatlab/src/testkit"
	"chatlab/src/testkit/zabbixtest"
	"chatlab/src/zbx"
)

// The load of passive checks, the same for each agent.
const (
	checkClients = 4
	checkFor     = 5 * time.Second
)

// TestHealthChecks: passive checks of agent.ping, each on a connection of its
// own, for a second of the agent's processor time, and its memory after them.
func TestHealthChecks(t *testing.T) {
	rates, memory := map[string]float64{}, map[string]float64{}
	for _, name := range []string{"zabbix_agent2", "healthd"} {
		addr, pids := startAgent(t, name)
		checks(t, addr, time.Second) // warm
		before := cpuOf(t, pids)
		n := checks(t, addr, checkFor)
		rates[name] = float64(n) / (cpuOf(t, pids) - before).Seconds()
		for _, pid := range pids {
			memory[name] += float64(residentBytes(t, pid)) / (1 << 20)
		}
		t.Logf("%s: %d checks in %s", name, n, checkFor)
	}
	agent2, healthd := rates["zabbix_agent2"], rates["healthd"]
	row(t, "passive checks: zabbix_agent2", agent2, "checks/CPU-s", "-", true)
	row(t, "passive checks: healthd", healthd, "checks/CPU-s", fmt.Sprintf(">= %.0f", agent2), healthd >= agent2)
	row(t, "memory after them: zabbix_agent2", memory["zabbix_agent2"], "MiB", "-", true)
	row(t, "memory after them: healthd", memory["healthd"], "MiB", fmt.Sprintf("<= %.1f", memory["zabbix_agent2"]), memory["healthd"] <= memory["zabbix_agent2"])
}

// startAgent returns where it listens and its processes.
func startAgent(t *testing.T, name string) (addr string, pids []int) {
	t.Helper()
	if name != "healthd" {
		p := zabbixtest.Agent(t, name, nil)
		return p.Addr, p.Children(t)
	}
	addr, ops := testkit.FreeAddr(t), testkit.FreeAddr(t)
	cmd := start(t, exec.Command(binary(t, "healthd"), "--listen="+addr, "--ops.listen="+ops, "--log-level=warn"))
	waitFor(t, "http://"+ops+"/readyz")
	return addr, []int{cmd.Process.Pid}
}

func cpuOf(t *testing.T, pids []int) (sum time.Duration) {
	t.Helper()
	for _, pid := range pids {
		sum += cpuTime(t, pid)
	}
	return sum
}

// checks asks for a time from several clients, and counts right answers.
func checks(t *testing.T, addr string, d time.Duration) int64 {
	t.Helper()
	var n, bad atomic.Int64
	end := time.Now().Add(d)
	var clients sync.WaitGroup
	for range checkClients {
		clients.Go(func() {
			request := zbx.AppendFrame(nil, []byte("agent.ping"))
			buf := make([]byte, 64)
			for time.Now().Before(end) {
				if askOnce(addr, request, buf) {
					n.Add(1)
				} else {
					bad.Add(1)
				}
			}
		})
	}
	clients.Wait()
	if bad.Load() > 0 {
		t.Fatalf("%s: %d checks failed", addr, bad.Load())
	}
	return n.Load()
}

// askOnce makes one check, on a connection of its own.
func askOnce(addr string, request, buf []byte) bool {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(request); err != nil {
		return false
	}
	const header = 13
	for got := 0; ; {
		n, err := conn.Read(buf[got:])
		got += n
		if err != nil {
			return got == header+1 && buf[header] == '1'
		}
	}
}
