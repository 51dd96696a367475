package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// minGarbage is how much is allocated, at the least, between two collections.
// Go collects when the heap has doubled; a chatd with few connections has a few
// megabytes, and at full load spent a quarter of its time on collecting them.
// With many connections Go's own rule gives more than this, and holds.
const minGarbage = 32 << 20

// tuneGC keeps to minGarbage from now on, unless GOGC is set in the
// environment.
func tuneGC() {
	if os.Getenv("GOGC") == "" {
		afterEachGC(new(gcMark))
	}
}

// gcMark is what a collection finds unreachable.
type gcMark struct {
	percent int
	_       *int // not a tiny object, whose finalizer may never run
}

func afterEachGC(m *gcMark) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	percent := 100
	if bytes := live[0].Value.Uint64(); bytes < minGarbage {
		percent = int(100 * minGarbage / max(bytes, minGarbage/4))
	}
	if percent != m.percent {
		debug.SetGCPercent(percent)
	}
	runtime.SetFinalizer(&gcMark{percent: percent}, afterEachGC)
}
