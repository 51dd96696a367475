package natslog_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatlab/src/natslog"
	"chatlab/src/testkit"
)

// cable is the way from one member to another's listener. While it is cut nothing
// passes, and nobody is told, as with a pulled cable.
type cable struct {
	ln  net.Listener
	cut atomic.Bool

	mu    sync.Mutex
	conns []net.Conn
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.1.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &cable{ln: ln}
	go w.serve(to)
	t.Cleanup(func() { _ = ln.Close(); w.drop() })
	return w
}

func (w *cable) serve(to string) {
	for {
		in, err := w.ln.Accept()
		if err != nil {
			return
		}
		w.keep(in)
		if w.cut.Load() {
			continue // it is connected to nothing
		}
		out, err := net.Dial("tcp", to)
		if err != nil {
			_ = in.Close()
			continue
		}
		w.keep(out)
		go w.pass(in, out)
		go w.pass(out, in)
	}
}

func (w *cable) keep(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, c)
}

func (w *cable) pass(from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	for buf := make([]byte, 32<<10); ; {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if w.cut.Load() {
			_, _ = io.Copy(io.Discard, from)
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// drop closes all connections.
func (w *cable) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

// newCabledRing is a ring whose member i reaches member j by cables[i][j].
func newCabledRing(t *testing.T, n int) (*ring, [][]*cable) {
	t.Helper()
	r := bareRing(t, n)
	cables := make([][]*cable, n)
	r.fileOf = func(i int) string { return filepath.Join(r.dir, fmt.Sprint("peers", i)) }
	for i := range n {
		var text strings.Builder
		for j := range n {
			w := newCable(t, r.peers[j])
			cables[i] = append(cables[i], w)
			fmt.Fprintf(&text, "node%d %s\n", j, w.ln.Addr())
		}
		if err := os.WriteFile(r.fileOf(i), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		r.start(i)
	}
	r.ready()
	return r, cables
}

// cut pulls a member's cable, or plugs it in again.
func cut(cables [][]*cable, member int, yes bool) {
	for i := range cables {
		for j, w := range cables[i] {
			if i != j && (i == member || j == member) {
				w.cut.Store(yes)
				if !yes {
					w.drop()
				}
			}
		}
	}
}

// A member that was cut off had elections of its own meanwhile, in vain. When it comes
// back, the leader that the others have must give up; the log has one again at once.
func TestAMemberThatComesBackDoesNotKeepTheOthersWaiting(t *testing.T) {
	t.Parallel()
	for _, victim := range []string{"a follower", "the leader"} {
		t.Run(victim, func(t *testing.T) {
			t.Parallel()
			r, cables := newCabledRing(t, 3)
			persist(t, r.logs[0], line(0))
			away := r.leader()
			if victim == "a follower" {
				away = (away + 1) % 3
			}
			others := []*natslog.Log{r.logs[(away+1)%3], r.logs[(away+2)%3]}
			cut(cables, away, true)
			began, n := time.Now(), 0
			longest := func(until func() bool) (longest time.Duration) {
				for !until() {
					ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
					n++
					asked := time.Now()
					if err := others[n%2].Publish(ctx, line(n))[0].Err; err != nil {
						t.Errorf("line %d: %v", n, err)
					}
					longest = max(longest, time.Since(asked))
					cancel()
				}
				return longest
			}
			// Long enough for several elections of its own.
			if gap := longest(func() bool { return time.Since(began) > 15*time.Second }); gap > 7*time.Second {
				t.Errorf("after the cut a line took %s", gap)
			}
			cut(cables, away, false)
			healed := time.Now()
			back := func() bool {
				return len(r.logs[away].Others()) == 2 && time.Since(healed) > 8*time.Second
			}
			if gap := longest(back); gap > 3*time.Second {
				t.Errorf("after the heal a line took %s", gap)
			} else {
				t.Logf("after the heal a line took %s", gap)
			}
		})
	}
}
