package chattest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"chatlab/src/chat"
	"chatlab/src/errs"
	"chatlab/src/wire"
)

// Memory is a chat log in memory.
type Memory struct {
	mu    sync.Mutex
	lines []wire.Message
	ids   map[string]uint64 // user/id to seq
	more  chan struct{}     // closed when a line is added
	down  bool
	ends  []uint64 // the last line of each epoch but the current one
}

// NewMemory returns an empty log.
func NewMemory() *Memory {
	return &Memory{ids: map[string]uint64{}, more: make(chan struct{})}
}

// Lose drops the lines after a number, and begins an epoch. Nobody may follow the log
// meanwhile.
func (m *Memory) Lose(after uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines = m.lines[:after]
	m.ends = append(m.ends, after)
}

// Epoch implements [chat.Log]. An epoch's id is how many came before it.
func (m *Memory) Epoch() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprint(len(m.ends))
}

// After implements [chat.Log].
func (m *Memory) After(ctx context.Context, epoch string, seq uint64) (after uint64, known bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := strconv.Atoi(epoch)
	if err != nil || n < 0 || n > len(m.ends) {
		return 0, false, m.check(ctx)
	}
	return slices.Min(append([]uint64{seq}, m.ends[n:]...)), true, m.check(ctx)
}

// SetDown makes Publish, Read, Tail and Bounds fail with code unavailable, or
// work again.
func (m *Memory) SetDown(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

func (m *Memory) check(ctx context.Context) error {
	if m.down {
		return errs.E(errs.Unavailable, "the log is away")
	}
	return ctx.Err()
}

// Publish implements [chat.Log].
func (m *Memory) Publish(ctx context.Context, lines ...chat.Draft) []chat.Receipt {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []chat.Receipt
	for _, d := range lines {
		if err := m.check(ctx); err != nil {
			out = append(out, chat.Receipt{Err: err})
			continue
		}
		out = append(out, m.add(d))
	}
	return out
}

func (m *Memory) add(d chat.Draft) chat.Receipt {
	seq := uint64(len(m.lines)) + 1
	if d.ID != "" {
		if old := m.ids[d.User+"/"+d.ID]; old > 0 {
			return chat.Receipt{Seq: old, Repeat: true}
		}
		m.ids[d.User+"/"+d.ID] = seq
	}
	m.lines = append(m.lines, wire.Message{
		Seq: seq, Time: time.Now().UTC(), Room: d.Room, User: d.User, Text: d.Text, ID: d.ID,
	})
	close(m.more)
	m.more = make(chan struct{})
	return chat.Receipt{Seq: seq}
}

// Follow implements [chat.Log].
func (m *Memory) Follow(ctx context.Context, after uint64, fn func([]wire.Message) error) error {
	for {
		m.mu.Lock()
		var batch []wire.Message
		if after < uint64(len(m.lines)) {
			batch = m.lines[after:]
		}
		more := m.more
		m.mu.Unlock()
		if len(batch) > 0 {
			if err := fn(batch); err != nil {
				return err
			}
			after += uint64(len(batch))
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-more:
		}
	}
}

// Read implements [chat.Log].
func (m *Memory) Read(ctx context.Context, room string, after uint64, n int) ([]wire.Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []wire.Message
	for i := after; i < uint64(len(m.lines)) && len(out) < n; i++ {
		if m.lines[i].Room == room {
			out = append(out, m.lines[i])
		}
	}
	return out, m.check(ctx)
}

// Tail implements [chat.Log].
func (m *Memory) Tail(ctx context.Context, room string, n int) ([]wire.Message, error) {
	all, err := m.Read(ctx, room, 0, 1<<30)
	return all[max(0, len(all)-n):], err
}

// Bounds implements [chat.Log].
func (m *Memory) Bounds(ctx context.Context) (chat.Bounds, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return chat.Bounds{First: 1, Last: uint64(len(m.lines))}, m.check(ctx)
}
