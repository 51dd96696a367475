package drill

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chatlab/src/chat"
	"chatlab/src/testkit/chattest"
	"chatlab/src/token"
	"chatlab/src/wire"
)

// storedLog is a log whose history can be changed on its way to a reader.
type storedLog struct {
	*chattest.Memory
	change func([]wire.Message) []wire.Message
}

func (l *storedLog) Read(ctx context.Context, room string, after uint64, n int) ([]wire.Message, error) {
	lines, err := l.Memory.Read(ctx, room, after, n)
	if l.change != nil {
		lines = l.change(lines)
	}
	return lines, err
}

// aLog is a run whose ledger has ten lines of kim, and the log that has them.
func aLog(t *testing.T) (*run, *storedLog) {
	t.Helper()
	ring := token.NewRing([]byte("0123456789abcdef0123456789abcdef"))
	r := &run{id: "d1", ledger: newLedger(), probe: &probe{login: func(context.Context) (string, error) {
		raw, _, err := ring.Issue("d1-probe", time.Now())
		return raw, err
	}}}
	log := &storedLog{Memory: chattest.NewMemory()}
	r.ledger.speaker("d1-u0", "kim", "one")
	for range 10 {
		n, text := r.ledger.says("d1-u0", " says so")
		got := log.Publish(t.Context(), chat.Draft{Room: "one", User: "kim", Text: text})
		if got[0].Err != nil {
			t.Fatal(got[0].Err)
		}
		r.ledger.receipt("d1-u0", n, wire.Message{Seq: got[0].Seq, Time: time.Now(), Room: "one", User: "kim", Text: text}, nil)
	}
	return r, log
}

// served returns the address of a chat server that has a log.
func served(t *testing.T, log chat.Log) string {
	t.Helper()
	srv, err := chat.New(chat.Options{
		Listen: "127.0.0.1:0", Log: log, Tokens: token.NewRing([]byte("0123456789abcdef0123456789abcdef")),
		Limits: chat.DefaultLimits(), Metrics: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return srv.Addr()
}

func TestARoomIsReadFromItsBeginningToItsEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		change func([]wire.Message) []wire.Message
		words  []string
	}{
		"as it is": {nil, nil},
		"without a line": {func(l []wire.Message) []wire.Message {
			return slices.DeleteFunc(l, func(m wire.Message) bool { return m.Seq == 4 })
		}, []string{lost}},
		"with a line twice": {func(l []wire.Message) []wire.Message {
			if len(l) == 10 {
				l = slices.Insert(l, 4, l[3])
			}
			return l
		}, []string{doubled}},
		"in another order": {func(l []wire.Message) []wire.Message {
			if len(l) == 10 {
				l[3], l[4] = l[4], l[3]
			}
			return l
		}, []string{reordered}},
		"altered": {func(l []wire.Message) []wire.Message {
			for i := range l {
				l[i].User = strings.Replace(l[i].User, "kim", "lee", 1)
			}
			return l
		}, []string{altered}},
	} {
		t.Run(name, func(t *testing.T) {
			r, log := aLog(t)
			log.change = tt.change
			reader := &roomReader{log: r.ledger.open(inChatLog)}
			if err := r.readRoom(t.Context(), reader, served(t, log), "one"); err != nil {
				t.Fatal(err)
			}
			reader.end("one")
			reader.log.close()
			if got := reader.log.words(); !slices.Equal(got, tt.words) {
				t.Errorf("%v, want %v", got, tt.words)
			}
		})
	}
}

func TestAReaderThatDoesNotReachTheEndSaysWhere(t *testing.T) {
	r, log := aLog(t)
	log.change = func(l []wire.Message) []wire.Message {
		return slices.DeleteFunc(l, func(m wire.Message) bool { return m.Seq > 7 })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	reader := &roomReader{log: r.ledger.open(inChatLog)}
	err := r.readRoom(ctx, reader, served(t, log), "one")
	if err == nil || !strings.Contains(err.Error(), "it has sequence 7 of 10") {
		t.Errorf("%v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := r.readRoom(ctx, reader, "127.0.0.1:1", "one"); err == nil {
		t.Error("nobody serves, and the room was read")
	}
}

func TestAServerThatLacksALineOfAnotherIsNamed(t *testing.T) {
	logs := []ChatLog{
		{Server: "one", rooms: map[string][]uint64{"a": {1, 2, 4}, "b": {3}}},
		{Server: "two", rooms: map[string][]uint64{"a": {1, 4}, "b": {3, 5}}},
		{Server: "three", rooms: map[string][]uint64{"a": {1, 2, 4}, "b": {3, 5}}},
	}
	compareLogs(logs)
	for i, want := range []int{1, 1, 0} {
		if logs[i].Missing != want {
			t.Errorf("%s lacks %d, want %d", logs[i].Server, logs[i].Missing, want)
		}
	}
	longest := longestLog(logs)
	if !slices.Equal(longest["a"], []uint64{1, 2, 4}) || !slices.Equal(longest["b"], []uint64{3, 5}) {
		t.Errorf("%v", longest)
	}
}
