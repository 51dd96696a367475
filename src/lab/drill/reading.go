package drill

import (
	"fmt"

	"chatlab/src/event"
	"chatlab/src/wire"
)

// reading is the account of one place that has lines: the chat log at one server,
// the event log, or the screens of all readers. Each line there is held against
// the line that was said.
type reading struct {
	ledger *ledger
	rules  rules
	kind   int
	Account
	strange map[uint64]int // lines without a label of the ledger, by sequence
}

// sighting is one line as a place has it.
type sighting struct {
	text       string
	user, room string // room is "" where the place does not say it
	seq        uint64 // 0 where the place does not have it
	id         uint64 // hash; 0 where the place does not have it
	again      bool   // the place had the line before
}

// rules are the comparisons of an account. A test leaves out one at a time.
type rules struct {
	sightings []sightingRule
	lines     []lineRule
	signings  []signingRule
}

// sightingRule is one way in which a line can be wrong where it is seen.
type sightingRule struct {
	word string
	off  func(l *ledger, by *speaker, was *line, is sighting) bool
}

// lineRule is one way in which a line can be wrong once its place was read.
type lineRule struct {
	word string
	off  func(was *line, here int) int // here is how often the place has it
}

func allRules() rules {
	return rules{sightings: sightingRules, lines: lineRules, signings: signingRules}
}

var sightingRules = []sightingRule{
	{altered, func(l *ledger, _ *speaker, was *line, is sighting) bool { return l.hash(is.text) != was.text }},
	{altered, func(_ *ledger, by *speaker, _ *line, is sighting) bool { return is.user != by.user }},
	{altered, func(_ *ledger, by *speaker, _ *line, is sighting) bool { return is.room != "" && is.room != by.room }},
	{altered, func(_ *ledger, _ *speaker, was *line, is sighting) bool { return is.id != 0 && is.id != was.id }},
	{reordered, func(_ *ledger, _ *speaker, was *line, is sighting) bool {
		return !is.again && is.seq != 0 && is.seq != was.seq
	}},
}

var lineRules = []lineRule{
	{lost, func(was *line, here int) int {
		if here == 0 && (was.fate == acked || was.shown) {
			return 1
		}
		return 0
	}},
	{doubled, func(_ *line, here int) int { return here - 1 }},
	{late, func(was *line, here int) int {
		if was.fate == refused && here > 0 {
			return 1
		}
		return 0
	}},
}

func (l *ledger) reading() *reading {
	return &reading{ledger: l, rules: allRules(), strange: map[uint64]int{}}
}

// open begins the reading of a place that stores lines. One of a kind is read at a
// time.
func (l *ledger) open(kind int) *reading {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.speakers {
		for i := range s.lines {
			s.lines[i].here[kind] = 0
		}
	}
	p := l.reading()
	p.kind = kind
	return p
}

// message is a line as a chat server shows it.
func (l *ledger) message(m wire.Message) sighting {
	return sighting{text: m.Text, user: m.User, room: m.Room, seq: m.Seq, id: l.hash(m.ID)}
}

// record is a line as the event log has it.
func record(e event.Event) sighting { return sighting{text: e.Data, user: e.Subject} }

// finds counts something that is wrong with the place as a whole.
func (p *reading) finds(word string, n int, name string) {
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	p.add(word, n, name)
}

// stored takes a line of a place that stores lines.
func (p *reading) stored(s sighting) {
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	if it := p.compare(s); it != nil && it.here[p.kind] < 255 {
		it.here[p.kind]++
	}
}

// shows takes a line that a user was shown.
func (p *reading) shows(s sighting) {
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	if it := p.compare(s); it != nil {
		it.shown = true
	}
}

// compare finds the line that was said, and counts the first thing in which the
// sighting differs. The caller holds the ledger's lock.
func (p *reading) compare(s sighting) *line {
	by, it, _ := p.ledger.find(s.text)
	if it == nil {
		if !p.ledger.excused[p.ledger.hash(s.text)] {
			p.strange[s.seq]++
		}
		return nil
	}
	it.locate(s.seq, s.id)
	s.again = it.here[p.kind] > 0
	for _, rule := range p.rules.sightings {
		if rule.off(p.ledger, by, it, s) {
			p.add(rule.word, 1, firstWord(s.text))
			break
		}
	}
	return it
}

// close accounts for every line once a place that stores lines was read whole,
// and returns how many of the lines it has.
func (p *reading) close() (stored int) {
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	p.recognise()
	for name, s := range p.ledger.speakers {
		for n := range s.lines {
			it := &s.lines[n]
			here := int(it.here[p.kind])
			if here > 0 {
				stored++
			}
			for _, rule := range p.rules.lines {
				if off := rule.off(it, here); off > 0 {
					p.add(rule.word, off, label(name, n))
				}
			}
		}
	}
	return stored
}

// recogniseShown accounts for the lines without a known label that users were shown.
func (p *reading) recogniseShown() {
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	p.recognise()
}

// openEvents is open of the event log, which has sign-ups and sign-ins too.
func (l *ledger) openEvents() *reading {
	p := l.open(inEventLog)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.signs {
		s.good, s.bad = 0, 0
	}
	return p
}

// closeEvents is close of the event log, and accounts for sign-ups and sign-ins
// too. repeated is the number of those that several servers did for one call.
func (p *reading) closeEvents() (stored, repeated int) {
	stored = p.close()
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	for name, s := range p.ledger.signs {
		stored += s.good
		repeated += s.repeated()
		for _, rule := range p.rules.signings {
			p.add(rule.word, rule.off(s), name)
		}
	}
	return stored, repeated
}

// recognise counts the lines without a known label: altered where they stand at
// the sequence of a line that was said, unsent elsewhere. The caller holds the
// ledger's lock.
func (p *reading) recognise() {
	if len(p.strange) > 0 {
		for name, s := range p.ledger.speakers {
			for n := range s.lines {
				it := &s.lines[n]
				if times := p.strange[it.seq]; times > 0 && it.seq > 0 {
					p.add(altered, times, label(name, n))
					it.here[p.kind]++
					delete(p.strange, it.seq)
				}
			}
		}
	}
	for seq, times := range p.strange {
		p.add(unsent, times, fmt.Sprintf("sequence %d", seq))
	}
	clear(p.strange)
}
