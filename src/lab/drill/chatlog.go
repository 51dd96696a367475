package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"chatlab/src/client"
	"chatlab/src/lab/inventory"
	"chatlab/src/wait"
	"chatlab/src/wire"
)

const (
	readLimit = time.Minute // for one room at one server
	readAgain = 200 * time.Millisecond
	readers   = 4 // rooms that are read at once
)

// ChatLog is the account of the chat log as one server gives it to a client that
// resumes from the beginning.
type ChatLog struct {
	Server string `json:"server"`
	Stored int    `json:"stored"` // lines of this drill
	Account

	rooms map[string][]uint64 // sequences, in their order
}

// readChatLogs reads every room of this drill at every chat server, and accounts
// for each server's lines.
func (r *run) readChatLogs(ctx context.Context) []ChatLog {
	var logs []ChatLog
	for _, n := range r.lab.Inventory.Members(inventory.Chatd) {
		log, broken := r.readChatLog(ctx, n)
		logs = append(logs, log)
		r.report.Broken = append(r.report.Broken, broken...)
	}
	compareLogs(logs)
	return logs
}

// readChatLog reads every room at one server. broken names the rooms that could
// not be read to their end.
func (r *run) readChatLog(ctx context.Context, node inventory.Node) (log ChatLog, broken []string) {
	log = ChatLog{Server: node.Name, rooms: map[string][]uint64{}}
	addr := r.lab.Inventory.Server(inventory.Chatd, node)
	p := r.ledger.open(inChatLog)
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(readers)
	for _, room := range append(slices.Clone(r.crew.rooms), r.probe.user) {
		group.Go(func() error {
			reader := &roomReader{log: p}
			err := r.readRoom(ctx, reader, addr, room)
			mu.Lock()
			defer mu.Unlock()
			log.rooms[room] = reader.end(room)
			if err != nil {
				broken = append(broken, fmt.Sprintf("the reader of room %s at %s did not reach its end: %v", room, node.Name, err))
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in broken
	log.Stored = p.close()
	log.Account = p.Account
	slices.Sort(broken)
	return log, broken
}

// readRoom reads one room at one server from the log's beginning to its end. A
// server may be a moment behind, or be back a moment ago: it is asked again until
// the limit.
func (r *run) readRoom(ctx context.Context, reader *roomReader, addr, room string) error {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	chat, err := r.dialReader(ctx, addr, room, reader)
	if err != nil {
		return err
	}
	defer func() { _ = chat.Close() }()
	end, err := lastOf(ctx, chat)
	if err != nil {
		return err
	}
	if !wait.Until(ctx, probeEvery, func() bool { return reader.view.reached(end) }) {
		return fmt.Errorf("it has sequence %d of %d", reader.view.latest(), end)
	}
	return nil
}

// dialReader enters a room at one server, from the beginning of its log.
func (r *run) dialReader(ctx context.Context, addr, room string, reader *roomReader) (chat *client.Chat, err error) {
	wait.Until(ctx, readAgain, func() bool {
		var token string
		if token, err = r.probe.login(ctx); err != nil {
			return false
		}
		chat, err = client.Dial(ctx, client.Options{
			Addresses: []string{addr}, Roots: r.roots, Token: token, Login: r.probe.login, Room: room, Resume: &client.Place{}, RetryLimited: true,
			OnMessage: reader.see, OnRepeat: reader.see,
		})
		return err == nil
	})
	return chat, err
}

// lastOf asks a server for the sequence of a room's last line. The answer comes
// after all lines of the history that the client resumed.
func lastOf(ctx context.Context, chat *client.Chat) (uint64, error) {
	replies, err := chat.Command(ctx, "/history 1")
	switch {
	case err != nil:
		return 0, err
	case len(replies) == 0:
		return 0, errors.New("/history has no answer")
	case replies[0].Message == nil: // an empty room
		return 0, nil
	}
	return replies[0].Message.Seq, nil
}

// roomReader takes the lines of one room of the stored log.
type roomReader struct {
	log   *reading
	view  view
	order []uint64
}

func (r *roomReader) see(m wire.Message) {
	r.view.see(m.Seq)
	r.order = append(r.order, m.Seq)
	r.log.stored(r.log.ledger.message(m))
}

// end returns the sequences of the room, in their order. It is called once, when
// nothing more is read: a repeat is doubled by its label already.
func (r *roomReader) end(room string) []uint64 {
	r.log.finds(reordered, r.view.reordered, "in room "+room)
	slices.Sort(r.order)
	return slices.Compact(r.order)
}

// compareLogs counts the lines that a server lacks and another one has.
func compareLogs(logs []ChatLog) {
	all := map[string][]uint64{}
	for _, log := range logs {
		for room, seqs := range log.rooms {
			all[room] = append(all[room], seqs...)
		}
	}
	for room, seqs := range all {
		slices.Sort(seqs)
		all[room] = slices.Compact(seqs)
	}
	for i := range logs {
		for room, seqs := range all {
			for _, seq := range seqs {
				if _, has := slices.BinarySearch(logs[i].rooms[room], seq); !has {
					logs[i].add(missing, 1, fmt.Sprintf("sequence %d", seq))
				}
			}
		}
	}
}

// longestLog returns for each room the log of the server that has most of it: a line
// that another server lacks is that server's finding, not a reader's.
func longestLog(logs []ChatLog) map[string][]uint64 {
	longest := map[string][]uint64{}
	for _, log := range logs {
		for room, seqs := range log.rooms {
			if len(seqs) > len(longest[room]) {
				longest[room] = seqs
			}
		}
	}
	return longest
}
