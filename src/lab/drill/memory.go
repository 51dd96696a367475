package drill

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/metrics"
	"chatlab/src/wait"
)

// memoryWatch samples the resident memory of the daemons once a second.
type memoryWatch struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// opsNames are the inventory's names of ops listeners.
var opsNames = []string{inventory.Authd, inventory.Chatd, inventory.Logd, inventory.Healthd, "authd_logger", "chatd_logger"}

func watchMemory(l *lab.Lab, ops *http.Client, into *Report) *memoryWatch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &memoryWatch{cancel: cancel}
	sample := func() {
		for name, rss := range residentMemory(ctx, l, ops) {
			m, seen := into.Memory[name]
			if !seen {
				m.Before = rss
			}
			m.Peak, m.After = max(m.Peak, rss), rss
			into.Memory[name] = m
		}
	}
	sample()
	w.done.Go(func() { wait.Every(ctx, time.Second, sample) })
	return w
}

func (w *memoryWatch) stop() {
	w.cancel()
	w.done.Wait()
}

func residentMemory(ctx context.Context, l *lab.Lab, ops *http.Client) map[string]int64 {
	out := map[string]int64{}
	for _, name := range opsNames {
		for _, n := range l.Inventory.Members(strings.TrimSuffix(name, "_logger")) {
			if v, ok := metric(ctx, ops, l.Inventory.OpsAddress(name, n), "process_resident_memory_bytes"); ok {
				out[name+"@"+n.Name] = int64(v)
			}
		}
	}
	return out
}

// opsClient asks ops listeners, which are on the private network.
func opsClient(l *lab.Lab) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: l.Target.Dial, MaxIdleConnsPerHost: 4, IdleConnTimeout: 5 * time.Second}}
}

// metric reads one plain metric of a daemon; false while it does not answer.
func metric(ctx context.Context, client *http.Client, ops, name string) (float64, bool) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	page, err := metrics.Get(ctx, client, ops)
	if err != nil {
		return 0, false
	}
	return page.Sum(metrics.Named(name))
}
