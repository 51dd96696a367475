package drill

import (
	"hash/maphash"
	"maps"
	"strconv"
	"strings"
	"sync"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// fate is the outcome of a line or a request, as its sender knows it.
type fate byte

const (
	sent    fate = iota // no answer yet
	acked               // answered: it must be stored
	refused             // refused with a code: it must not be stored
	unknown             // the answer was lost, or left the outcome open
)

// line is one numbered line of a speaker. It keeps hashes: a drill says millions.
type line struct {
	text  uint64
	id    uint64 // of the client's id; 0 until it is known
	seq   uint64 // 0 until it is known
	fate  fate
	shown bool        // to a user, so that it must be stored
	here  [kinds]byte // how often the place that is being read has it
}

// The kinds of place that store lines. One of each is read at a time.
const (
	inChatLog = iota
	inEventLog
	kinds
)

// speaker is a source of numbered lines: one user in one room.
type speaker struct {
	name       string // begins each of its lines, before the number
	user, room string
	lines      []line
}

// ledger holds the fate of every line and of every request to sign up or in that
// the load made.
type ledger struct {
	mu       sync.Mutex
	seed     maphash.Seed
	speakers map[string]*speaker
	signs    map[string]*signing // by category and user
	excused  map[uint64]bool     // hashes of texts that are not accounted for
	refusals map[errs.Code]int
}

func newLedger() *ledger {
	return &ledger{
		seed: maphash.MakeSeed(), speakers: map[string]*speaker{}, signs: map[string]*signing{},
		excused: map[uint64]bool{}, refusals: map[errs.Code]int{},
	}
}

func (l *ledger) hash(s string) uint64 { return maphash.String(l.seed, s) }

// speaker adds a source of lines, unless the ledger has it.
func (l *ledger) speaker(name, user, room string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.speakers[name] == nil {
		l.speakers[name] = &speaker{name: name, user: user, room: room}
	}
}

// says gives a speaker's next line its number, and returns both. rest follows the
// label in the text.
func (l *ledger) says(name, rest string) (n int, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.speakers[name]
	n = len(s.lines)
	text = label(name, n) + rest
	s.lines = append(s.lines, line{text: l.hash(text)})
	return n, text
}

// receipt settles a line. The echo, where there is one, says where it is stored.
func (l *ledger) receipt(name string, n int, echo wire.Message, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	it := &l.speakers[name].lines[n]
	it.fate = fateOf(err)
	if code := errs.CodeOf(err); code != "" {
		l.refusals[code]++
	}
	if err == nil && !echo.Time.IsZero() {
		it.locate(echo.Seq, l.hash(echo.ID))
	}
}

// locate keeps the sequence and the id under which a line was seen first. 0 is an
// id that the place does not have.
func (it *line) locate(seq, id uint64) {
	if it.seq == 0 {
		it.seq = seq
	}
	if it.id == 0 {
		it.id = id
	}
}

// fateOf is the outcome that an answer proves.
func fateOf(err error) fate {
	switch code := errs.CodeOf(err); {
	case err == nil:
		return acked
	case isNotSent(err), definite[code]:
		return refused
	}
	return unknown
}

// definite are the refusals after which nothing can have been stored. After the
// others, unavailable above all, it may have come through.
var definite = map[errs.Code]bool{
	errs.RateLimited: true, errs.TooLong: true, errs.BadUTF8: true, errs.BadRequest: true,
	errs.BadToken: true, errs.TokenExpired: true, errs.IDTaken: true, errs.WrongCredentials: true,
}

// excuse leaves a text out of every account.
func (l *ledger) excuse(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.excused[l.hash(text)] = true
}

// find returns the line that a text names by its label, or nil. The caller holds
// the lock.
func (l *ledger) find(text string) (*speaker, *line, string) {
	name, n, ok := parseLabel(firstWord(text))
	if !ok {
		return nil, nil, ""
	}
	s := l.speakers[name]
	if s == nil || n >= len(s.lines) {
		return nil, nil, ""
	}
	return s, &s.lines[n], name
}

// Totals counts the lines and requests of the load, and their answers.
type Totals struct {
	Sent    int               `json:"sent"`
	Acked   int               `json:"acknowledged"`
	Lines   int               `json:"lines"` // of those acknowledged; the others are sign-ups and sign-ins
	Refused map[errs.Code]int `json:"refused"`
	Unknown int               `json:"unknown"` // the answer was lost, or left the outcome open
}

// totals sums lines and requests.
func (l *ledger) totals() Totals {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := Totals{Refused: maps.Clone(l.refusals)}
	for _, s := range l.speakers {
		t.Sent += len(s.lines)
		for i := range s.lines {
			switch s.lines[i].fate {
			case acked:
				t.Acked++
				t.Lines++
			case refused:
			default:
				t.Unknown++
			}
		}
	}
	for _, s := range l.signs {
		t.Sent += s.acked + s.refused + s.unknown
		t.Acked += s.acked
		t.Unknown += s.unknown
	}
	return t
}

// label is the name of a line, which begins its text, and of a drill's user.
func label(name string, n int) string { return name + "." + strconv.Itoa(n) }

func parseLabel(text string) (name string, n int, ok bool) {
	name, number, found := strings.Cut(text, ".")
	n, err := strconv.Atoi(number)
	return name, n, found && err == nil && n >= 0
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}
