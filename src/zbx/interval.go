package zbx

import (
	"strings"
	"time"

	"chatlab/src/errs"
)

// interval says when an item's value is taken, as Zabbix writes it: an update interval,
// then flexible and scheduling intervals, separated by semicolons
// (https://www.zabbix.com/documentation/7.0/en/manual/config/items/item/custom_intervals).
type interval struct {
	update    time.Duration // 0: only the others count
	flexible  []flexible
	scheduled []scheduling
}

// flexible is another update interval for a period of the week.
type flexible struct {
	every time.Duration // 0: no value is taken
	period
}

// period is a part of some days of the week, Monday 1 to Sunday 7.
type period struct {
	firstDay, lastDay int
	from, to          time.Duration // since midnight
}

// longest is the longest update interval, and horizon how far ahead a next time is
// looked for: no month lacks a day for longer than the leap day's eight years.
const (
	longest = 24 * time.Hour
	horizon = 8 * 366
)

// parseInterval fails with bad_request for what Zabbix's agents do not take either.
func parseInterval(text string) (interval, error) {
	parts := strings.Split(text, ";")
	update, ok := seconds(parts[0])
	i := interval{update: update}
	ok = ok && update <= longest
	for _, part := range parts[1:] {
		switch {
		case part == "":
			ok = false
		case strings.Contains(part, ":"): // only periods have one
			f, fits := parseFlexible(part)
			i.flexible, ok = append(i.flexible, f), ok && fits
		default:
			s, fits := parseScheduling(part)
			i.scheduled, ok = append(i.scheduled, s), ok && fits
		}
	}
	if !ok || i.next(time.Unix(0, 0), 0).IsZero() {
		return interval{}, errs.E(errs.BadRequest, "Invalid update interval %q.", clip(text))
	}
	return i, nil
}

// parseFlexible reads EVERY/D-D,HH:MM-HH:MM, or D in place of D-D.
func parseFlexible(text string) (flexible, bool) {
	every, when, _ := strings.Cut(text, "/")
	days, hours, _ := strings.Cut(when, ",")
	from, to, isRange := strings.Cut(hours, "-")
	var f flexible
	var ok [5]bool
	f.every, ok[0] = seconds(every)
	f.firstDay, f.lastDay, ok[1] = span(days, 1, 7)
	f.from, ok[2] = clock(from)
	f.to, ok[3] = clock(to)
	ok[4] = isRange && f.from < f.to && f.every <= longest
	return f, ok == [5]bool{true, true, true, true, true}
}

// clock reads H:MM or HH:MM, to 24:00.
func clock(text string) (time.Duration, bool) {
	h, m, found := strings.Cut(text, ":")
	hours, okH := number(h, 24)
	minutes, okM := number(m, 59)
	d := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	return d, found && okH && okM && len(m) == 2 && d <= 24*time.Hour
}

// next returns the next time after now at which a value is taken: the earliest of the
// scheduled ones and of the update interval in force, which counts from phase. It is
// zero where there is none.
func (i interval) next(now time.Time, phase time.Duration) time.Time {
	soonest := i.nextUpdate(now, phase)
	for _, s := range i.scheduled {
		if at := s.next(now); soonest.IsZero() || !at.IsZero() && at.Before(soonest) {
			soonest = at
		}
	}
	return soonest
}

// nextUpdate goes from one change of the update interval to the next: a week and a day
// shows all of them.
func (i interval) nextUpdate(now time.Time, phase time.Duration) time.Time {
	for t, end := now, now.AddDate(0, 0, 8); t.Before(end); {
		change := i.nextChange(t)
		if every := i.updateAt(t); every > 0 {
			since := time.Duration(t.UnixNano()-int64(phase%every)) % every
			if at := t.Add(every - since); change.IsZero() || !at.After(change) {
				return at
			}
		}
		if change.IsZero() {
			break
		}
		t = change
	}
	return time.Time{}
}

// updateAt returns the shortest of the intervals for a time, the update interval where
// none is for it.
func (i interval) updateAt(t time.Time) time.Duration {
	every, found := i.update, false
	for _, f := range i.flexible {
		if f.holds(t) && (!found || f.every < every) {
			every, found = f.every, true
		}
	}
	return every
}

// nextChange returns the next beginning or end of a period, zero if there is none.
func (i interval) nextChange(now time.Time) time.Time {
	var soonest time.Time
	for _, f := range i.flexible {
		for day := range 8 {
			midnight := time.Date(now.Year(), now.Month(), now.Day()+day, 0, 0, 0, 0, now.Location())
			if !f.on(midnight) {
				continue
			}
			for _, at := range []time.Time{midnight.Add(f.from), midnight.Add(f.to)} {
				if at.After(now) && (soonest.IsZero() || at.Before(soonest)) {
					soonest = at
				}
			}
		}
	}
	return soonest
}

func (p period) on(t time.Time) bool {
	day := weekday(t)
	return day >= p.firstDay && day <= p.lastDay
}

func (p period) holds(t time.Time) bool {
	since := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	return p.on(t) && since >= p.from && since < p.to
}

// weekday counts from Monday 1 to Sunday 7.
func weekday(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 }
