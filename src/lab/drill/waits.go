package drill

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// waits is where the time until a served user went: for each step of an
// attempt how long it held the user up, and why it failed the last time.
type waits struct {
	spent map[string]time.Duration
	why   map[string]string
	mark  *time.Time // until when the time is accounted for
}

func newWaits() waits {
	now := time.Now()
	return waits{map[string]time.Duration{}, map[string]string{}, &now}
}

// step does one step. The pause since the step before, which failed or was the
// last of an attempt, is this step's too: it holds the user up again.
func (w waits) step(name string, do func() error) error {
	err := do()
	now := time.Now()
	w.spent[name] += now.Sub(*w.mark)
	*w.mark = now
	if err != nil {
		w.why[name] = err.Error()
	}
	return err
}

// shortStep is the time below which a step is not named.
const shortStep = 50 * time.Millisecond

// String names the steps that took long, the longest first.
func (w waits) String() string {
	names := slices.SortedFunc(maps.Keys(w.spent), func(a, b string) int {
		return cmp.Or(cmp.Compare(w.spent[b], w.spent[a]), strings.Compare(a, b))
	})
	var out []string
	for _, name := range names {
		if w.spent[name] < shortStep {
			break
		}
		text := fmt.Sprintf("%s %s", round(w.spent[name]), name)
		if why := w.why[name]; why != "" {
			text += " (" + why + ")"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}
