package drill

import (
	"cmp"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"chatlab/src/errs"
	"chatlab/src/event"
)

// fate is what became of one number of a producer, as its sender knows it.
type fate byte

const (
	sent    fate = iota // no answer yet
	acked               // answered: it must be stored
	refused             // refused with a code: it must not be stored
	unknown             // the answer was lost, or said that nobody knows
)

// ledger holds the fate of every event that the load made, and what the log
// database has of it.
type ledger struct {
	mu       sync.Mutex
	fates    map[string][]fate     // by producer; the index is the number
	asked    map[string]int        // by label: requests, where that was more than one
	stored   map[string][]event.ID // by label
	strays   int                   // stored events of producers or numbers that never were
	refusals map[errs.Code]int
}

func newLedger() *ledger {
	return &ledger{fates: map[string][]fate{}, asked: map[string]int{}, stored: map[string][]event.ID{}, refusals: map[errs.Code]int{}}
}

// next gives a producer its next number.
func (l *ledger) next(producer string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fates[producer] = append(l.fates[producer], sent)
	return len(l.fates[producer]) - 1
}

// settle writes down what became of a number. A refusal's code is counted.
func (l *ledger) settle(producer string, n int, f fate, code errs.Code) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fates[producer][n] = f
	if code != "" {
		l.refusals[code]++
	}
}

// answered settles a number by what its sender was told.
func (l *ledger) answered(producer string, n int, err error) {
	switch code := errs.CodeOf(err); {
	case err == nil:
		l.settle(producer, n, acked, "")
	case isNotSent(err), definite[code]:
		l.settle(producer, n, refused, code)
	default:
		l.settle(producer, n, unknown, code)
	}
}

// repeated notes that a client, which had no answer to a request, made it again
// at another server. Each may have been carried out and is an event of its own
// then: who signs in twice is twice in the event log.
func (l *ledger) repeated(producer string, n, requests int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if requests > 1 {
		l.asked[label(producer, n)] = requests
	}
}

// definite are the refusals after which nothing can have been stored. After
// the others, unavailable above all, the event may have come through.
var definite = map[errs.Code]bool{
	errs.RateLimited: true, errs.TooLong: true, errs.BadUTF8: true, errs.BadRequest: true,
	errs.BadToken: true, errs.TokenExpired: true, errs.IDTaken: true, errs.WrongCredentials: true,
}

// receipts counts what was acknowledged of producers whose name begins so.
func (l *ledger) receipts(prefix string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	total := 0
	for producer, fates := range l.fates {
		if strings.HasPrefix(producer, prefix) {
			for _, f := range fates {
				if f == acked {
					total++
				}
			}
		}
	}
	return total
}

// seen takes an event of the log database, by its _id.
func (l *ledger) seen(producer string, n int, id event.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n < 0 || n >= len(l.fates[producer]) {
		l.strays++
		return
	}
	name := label(producer, n)
	if !slices.Contains(l.stored[name], id) {
		l.stored[name] = append(l.stored[name], id)
	}
}

// forget clears what was seen, before the database is read again.
func (l *ledger) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.stored)
	l.strays = 0
}

// Account is the sum of a ledger.
type Account struct {
	Sent        int               `json:"sent"`
	Acked       int               `json:"acknowledged"`
	Refused     map[errs.Code]int `json:"refused"`
	Unknown     int               `json:"unknown"`  // the answer was lost
	Stored      int               `json:"stored"`   // of those sent
	Lost        int               `json:"lost"`     // acknowledged, not stored
	Repeated    int               `json:"repeated"` // asked again by a client at another server, and both times stored
	Doubled     int               `json:"doubled"`  // stored more than once, under several _ids, and asked once
	Ghosts      int               `json:"ghosts"`   // stored though refused, or never sent
	LostName    string            `json:"lost_first,omitempty"`
	DoubledName string            `json:"doubled_first,omitempty"`
}

// sum compares fates with what the database holds.
func (l *ledger) sum() Account {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := Account{Refused: maps.Clone(l.refusals), Ghosts: l.strays}
	for producer, fates := range l.fates {
		for n, f := range fates {
			name := label(producer, n)
			a.add(name, f, len(l.stored[name]), max(1, l.asked[name]))
		}
	}
	return a
}

// add accounts for a number that was asked for, and is stored, so many times.
func (a *Account) add(name string, f fate, stored, asked int) {
	a.Sent++
	switch f {
	case acked:
		a.Acked++
		if stored == 0 {
			a.Lost++
			a.LostName = cmp.Or(a.LostName, name)
		}
	case refused:
		if stored > 0 {
			a.Ghosts++
		}
	default:
		a.Unknown++
	}
	if stored == 0 {
		return
	}
	a.Stored++
	a.Repeated += min(stored, asked) - 1
	if more := stored - asked; more > 0 {
		a.Doubled += more
		a.DoubledName = cmp.Or(a.DoubledName, name)
	}
}

func (a Account) clean() bool { return a.Lost == 0 && a.Doubled == 0 && a.Ghosts == 0 }

// label is how a number is written in an event, and read back.
func label(producer string, n int) string { return producer + "." + strconv.Itoa(n) }

func parseLabel(text string) (producer string, n int, ok bool) {
	producer, number, found := strings.Cut(text, ".")
	n, err := strconv.Atoi(number)
	return producer, n, found && err == nil && n >= 0
}

// view is what one reader saw: how many lines, and a running hash over their
// numbers and texts, so that two readers' views can be compared as wholes.
type view struct {
	mu      sync.Mutex
	count   int
	last    uint64
	hash    uint64
	repeats int // lines whose number was not greater than the one before
}

func (v *view) see(seq uint64, text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if seq <= v.last {
		v.repeats++
		return
	}
	v.last = seq
	v.count++
	h := fnv.New64a()
	_, _ = h.Write(strconv.AppendUint(nil, v.hash^seq, 16))
	_, _ = h.Write([]byte(text))
	v.hash = h.Sum64()
}

func (v *view) state() (count, repeats int, hash uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.count, v.repeats, v.hash
}
