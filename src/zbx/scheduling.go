package zbx

import (
	"strconv"
	"strings"
	"time"
)

// scheduling is a scheduling interval: md1-5wd1h9-18m/30s0. Each unit has the values at
// which a value is taken.
type scheduling struct {
	monthDays, weekDays, hours, minutes, seconds values
}

// values are those of one unit; nil takes all.
type values map[int]bool

func (v values) have(n int) bool { return v == nil || v[n] }

// parseScheduling reads the units in their order, each at most once. Those that are left
// out take all values before the last one given, and 0 behind it.
func parseScheduling(text string) (scheduling, bool) {
	var s scheduling
	units := []struct {
		name        string
		least, most int
		to          *values
	}{{"md", 1, 31, &s.monthDays}, {"wd", 1, 7, &s.weekDays}, {"h", 0, 23, &s.hours}, {"m", 0, 59, &s.minutes}, {"s", 0, 59, &s.seconds}}
	last := -1
	for i, u := range units {
		rest, found := strings.CutPrefix(text, u.name)
		if !found || u.name == "m" && strings.HasPrefix(text, "md") {
			continue
		}
		end := strings.IndexFunc(rest, func(r rune) bool { return r >= 'a' && r <= 'z' })
		if end < 0 {
			end = len(rest)
		}
		var ok bool
		if *u.to, ok = parseValues(rest[:end], u.least, u.most); !ok {
			return s, false
		}
		text, last = rest[end:], i
	}
	for i, u := range units {
		if i > last && i >= 2 { // a day is no time of it
			*u.to = values{0: true}
		}
	}
	return s, text == "" && last >= 0
}

// parseValues reads N, N-N, N-N/STEP or /STEP, separated by commas.
func parseValues(text string, least, most int) (values, bool) {
	out := values{}
	for part := range strings.SplitSeq(text, ",") {
		among, by, stepped := strings.Cut(part, "/")
		first, last, ok := least, most, stepped && among == ""
		if !ok {
			first, last, ok = span(among, least, most)
		}
		step := 1
		if stepped && ok {
			step, ok = number(by, most)
		}
		if !ok || step < 1 {
			return nil, false
		}
		for n := first; n <= last; n += step {
			out[n] = true
		}
	}
	return out, true
}

// span reads N or N-N within bounds.
func span(text string, least, most int) (first, last int, ok bool) {
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	first, okFrom := number(from, most)
	last, okTo := number(to, most)
	return first, last, okFrom && okTo && first >= least && first <= last
}

func number(text string, most int) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return int(n), err == nil && int(n) <= most
}

// next returns the first time after now that all units take, zero if there is none.
func (s scheduling) next(now time.Time) time.Time {
	for day := range horizon {
		midnight := time.Date(now.Year(), now.Month(), now.Day()+day, 0, 0, 0, 0, now.Location())
		if !s.monthDays.have(midnight.Day()) || !s.weekDays.have(weekday(midnight)) {
			continue
		}
		if at := s.within(midnight, now); !at.IsZero() {
			return at
		}
	}
	return time.Time{}
}

// within looks for the first time of a day that is after now.
func (s scheduling) within(midnight, now time.Time) time.Time {
	for h := range 24 {
		hour := midnight.Add(time.Duration(h) * time.Hour)
		if !s.hours.have(h) || !hour.Add(time.Hour).After(now) {
			continue
		}
		for m := range 60 {
			minute := hour.Add(time.Duration(m) * time.Minute)
			if !s.minutes.have(m) || !minute.Add(time.Minute).After(now) {
				continue
			}
			for sec := range 60 {
				if at := minute.Add(time.Duration(sec) * time.Second); s.seconds.have(sec) && at.After(now) {
					return at
				}
			}
		}
	}
	return time.Time{}
}
