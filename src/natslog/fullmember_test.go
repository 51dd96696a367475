package natslog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"chatlab/src/natslog"
	"chatlab/src/testkit"
)

// While the leader's disk is full the others elect another; with room again it comes back
// and has all lines.
func TestALeaderWhoseDiskIsFullLetsAnotherLead(t *testing.T) {
	t.Parallel()
	r := bareRing(t, 3)
	dirs := make([]string, 3)
	for i := range dirs {
		dirs[i] = filepath.Join(r.dir, fmt.Sprint("node", i))
		if err := os.Mkdir(dirs[i], 0o700); err != nil {
			t.Fatal(err)
		}
		natslog.SmallDisk(t, dirs[i], "48m")
	}
	r.name(0, 1, 2)
	for i := range dirs {
		r.start(i)
	}
	r.ready()
	for n := range 10 {
		persist(t, r.logs[0], line(n))
	}
	full := r.leader()
	other := (full + 1) % 3
	ended := make(chan error, 1)
	go func() { ended <- r.logs[full].Emit(t.Context(), newSink()) }()
	free := natslog.Fill(t, dirs[full], 0)
	for n := 10; n < 200; n++ { // persist waits until a line is stored
		persist(t, r.logs[other], line(n))
		if n > 20 && !r.logs[full].Leads() {
			break
		}
	}
	testkit.Until(t, "another leads", func() bool { return r.logs[other].Leads() || r.logs[(full+2)%3].Leads() })
	free()
	if err := <-ended; err == nil {
		t.Error("the member does not end once there is room")
	}
	r.stop(full)
	r.start(full)
	r.ready()
	bounds, err := r.logs[other].Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	holds(t, r.logs[full], int(bounds.Last))
}
