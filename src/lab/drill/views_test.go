package drill

import (
	"testing"
	"time"

	"chatlab/src/wire"
)

// seen is the view of a reader that was given these sequences.
func seen(seqs ...uint64) *view {
	v := &view{}
	for _, seq := range seqs {
		v.see(seq)
	}
	return v
}

func TestAReadersViewTellsARepeatFromALateLine(t *testing.T) {
	for name, tt := range map[string]struct {
		v                         *view
		doubled, reordered, lacks int
	}{
		"in order":      {seen(5, 6, 7, 200), 0, 0, 0},
		"a line twice":  {seen(5, 6, 6, 7, 200), 1, 0, 0},
		"an old line":   {seen(5, 6, 7, 200, 5), 1, 0, 0},
		"out of order":  {seen(5, 7, 6, 200), 0, 1, 0},
		"late, twice":   {seen(5, 7, 6, 6, 200), 1, 1, 0},
		"not all":       {seen(5, 7, 200), 0, 0, 1},
		"nothing":       {seen(), 0, 0, 4},
		"more than all": {seen(5, 6, 7, 8, 200), 0, 0, 0},
	} {
		lacks, first := tt.v.lacks([]uint64{5, 6, 7, 200})
		if tt.v.doubled != tt.doubled || tt.v.reordered != tt.reordered || lacks != tt.lacks || (lacks == 1 && first != 6) {
			t.Errorf("%s: doubled %d, reordered %d, lacks %d from %d", name, tt.v.doubled, tt.v.reordered, lacks, first)
		}
	}
}

// crewOfTwoRooms has two readers in each of two rooms, shown lines 1 to 5.
func crewOfTwoRooms(t *testing.T) (*crew, map[string][]uint64) {
	t.Helper()
	c := crewOf(t, Options{Users: 4, Rooms: 2}, false)
	c.rooms = []string{"one", "two"}
	c.screens = c.r.ledger.reading()
	for n := range 4 {
		m, _ := c.newChatter(n)
		c.chats = append(c.chats, m)
		c.r.ledger.speaker(m.name, m.name, c.rooms[m.room])
	}
	logs := map[string][]uint64{}
	for i, room := range []int{0, 1, 0, 0, 1} {
		seq := uint64(i + 1)
		logs[c.rooms[room]] = append(logs[c.rooms[room]], seq)
		for _, m := range c.chats {
			if m.room == room {
				m.view.see(seq)
			}
		}
	}
	return c, logs
}

func TestReadersAreHeldAgainstTheStoredLogOfTheirRoom(t *testing.T) {
	c, logs := crewOfTwoRooms(t)
	if v := c.compare(logs); !v.clean() || v.Lines != 5 || v.Readers != 4 || v.Rooms != 2 {
		t.Errorf("%+v", v)
	}
	// All readers of a room lack the same line: no other reader would show it.
	logs["two"] = append(logs["two"], 9)
	if v := c.compare(logs); v.Missing != 2 || v.First[missing] == "" {
		t.Errorf("%+v", v)
	}
	c.chats[3].view.see(5)
	c.chats[3].view.see(9)
	c.chats[3].view.see(8)
	if v := c.compare(logs); v.Missing != 1 || v.Doubled != 1 || v.Reordered != 1 {
		t.Errorf("%+v", v)
	}
}

func TestALineIsHeldAgainstWhatWasSaidWhenItIsShown(t *testing.T) {
	c, logs := crewOfTwoRooms(t)
	kim := c.chats[0].name
	n, text := c.r.ledger.says(kim, " says so")
	echo := wire.Message{Seq: 3, Time: time.Now(), Room: "one", User: kim, Text: text, ID: "x"}
	c.r.ledger.receipt(kim, n, echo, nil)
	show := func(change func(*wire.Message)) {
		c.screens.shows(c.r.ledger.message(changed(echo, change)))
	}
	show(func(*wire.Message) {})
	if v := c.compare(logs); !v.clean() {
		t.Errorf("%+v", v)
	}
	show(func(m *wire.Message) { m.Text += "!" })
	show(func(m *wire.Message) { m.User = "lee" })
	show(func(m *wire.Message) { m.Text = "what?" })
	show(func(m *wire.Message) { m.Seq = 4 })
	show(func(m *wire.Message) { m.Seq, m.Text = 77, "boo" })
	if v := c.compare(logs); v.Altered != 3 || v.Reordered != 1 || v.Unsent != 1 {
		t.Errorf("%+v", v)
	}
}
