package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"chatlab/src/client"
	"chatlab/src/testkit"
	"chatlab/src/wire"
)

// watcher is a client and all that it shows.
type watcher struct {
	*client.Chat
	mu    sync.Mutex
	shown []string
	lost  bool
}

func (l *lab) dial(user string, place *client.Place) *watcher {
	l.t.Helper()
	raw, _, err := l.ring.Issue(user, time.Now())
	if err != nil {
		l.t.Fatal(err)
	}
	w := &watcher{}
	w.Chat, err = client.Dial(l.t.Context(), client.Options{
		Addresses: []string{l.addr}, Token: raw, Resume: place,
		OnMessage: func(m wire.Message) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.shown = append(w.shown, m.Text)
		},
		OnState: func(s client.State) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.lost = w.lost || s.HistoryLost
		},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = w.Close() })
	return w
}

func (w *watcher) say(t *testing.T, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := w.Send(t.Context(), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// saw waits until lines have been shown, and tells whether history was lost.
func (w *watcher) saw(t *testing.T, from, to int) (lost bool) {
	t.Helper()
	var want []string
	for i := from; i < to; i++ {
		want = append(want, fmt.Sprint(i))
	}
	testkit.Until(t, "the last line is shown", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.Contains(w.shown, want[len(want)-1])
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if got := w.shown[max(0, len(w.shown)-len(want)):]; !slices.Equal(got, want) {
		t.Errorf("shown: %q, want at the end %q", w.shown, want)
	}
	return w.lost
}

func stop(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
}

// TestAReaderSeesEveryLineThatIsSaidAfterALoss puts an older copy of the folder back,
// and lets the numbers of the lost lines be given to others before the reader is back.
func TestAReaderSeesEveryLineThatIsSaidAfterALoss(t *testing.T) {
	l := newLab(t)
	chatd := l.start()
	speaker := l.dial("kim", nil)
	speaker.say(t, 0, 5)
	stop(chatd)
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(l.data)); err != nil {
		t.Fatal(err)
	}
	chatd = l.start()
	reader := l.dial("lee", &client.Place{})
	speaker.say(t, 5, 10)
	if reader.saw(t, 0, 10) || speaker.saw(t, 0, 10) {
		t.Error("history was lost by a planned stop")
	}
	place := reader.Place()
	_ = reader.Close()
	_ = speaker.Close()

	stop(chatd)
	if err := errors.Join(os.RemoveAll(l.data), os.CopyFS(l.data, os.DirFS(copied))); err != nil {
		t.Fatal(err)
	}
	l.start()
	speaker = l.dial("kim", nil)
	speaker.say(t, 10, 20)
	reader = l.dial("lee", &place)
	if !reader.saw(t, 10, 20) {
		t.Error("the reader is not told that history was lost")
	}
}
