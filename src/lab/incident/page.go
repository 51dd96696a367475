package incident

import (
	"bytes"
	_ "embed" // the page's template
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"chart": newChart, "moments": (*Outcome).moments,
	"since": func(o *Outcome, at time.Time) string { return minutes(at.Sub(o.Began)) },
}).Parse(pageText))

// asPage makes one HTML page that needs no other file.
func (o *Outcome) asPage() ([]byte, error) {
	var out bytes.Buffer
	err := pageTemplate.Execute(&out, o)
	return out.Bytes(), err
}

// minutes writes a duration as minutes and seconds.
func minutes(d time.Duration) string {
	d = d.Round(time.Second)
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

// The chart's measures, in pixels.
const (
	chartWidth  = 960
	chartLeft   = 110 // for the names of the lanes
	chartRight  = 20
	laneHeight  = 26
	laneGap     = 12
	marksHeight = 110
)

// chart is the course of an incident as it is drawn.
type chart struct {
	Width, Height, Left, Bottom int
	Lanes                       []lane
	Marks                       []point
	Ticks                       []point
}

// lane is what users felt of one thing.
type lane struct {
	Name      string
	Top, Text int
	Bars      []bar
}

type bar struct {
	X, Width    float64
	Class, Text string
}

// point is something that happened, and where its text stands.
type point struct {
	X     float64
	Y     int
	Class string
	Text  string
}

// newChart draws the fault, the first symptom, hints, answers and the repair above what
// users felt.
func newChart(o *Outcome) chart {
	end := max(o.Ended.Sub(o.Began), 10*time.Second)
	x := func(at time.Time) float64 {
		part := float64(at.Sub(o.Began)) / float64(end)
		return chartLeft + min(1, max(0, part))*(chartWidth-chartLeft-chartRight)
	}
	c := chart{Width: chartWidth, Left: chartLeft}
	for i, m := range o.moments() {
		c.Marks = append(c.Marks, point{X: x(m.At), Y: 12 + i%6*16, Class: m.class, Text: m.Text})
	}
	top := marksHeight
	for _, l := range []struct {
		name string
		of   func(Feeling) string
	}{
		{"chat", func(f Feeling) string { return f.Chat }},
		{"sign-in", func(f Feeling) string { return f.SignIn }},
		{"event log", func(f Feeling) string { return f.Events }},
	} {
		c.Lanes = append(c.Lanes, lane{Name: l.name, Top: top, Text: top + 18, Bars: bars(o, l.of, x)})
		top += laneHeight + laneGap
	}
	c.Bottom, c.Height = top, top+24
	for at := time.Duration(0); at <= end; at += tickEvery(end) {
		c.Ticks = append(c.Ticks, point{X: x(o.Began.Add(at)), Y: top + 14, Text: minutes(at)})
	}
	return c
}

// moment is a step with the way it is drawn, and with more words where there are some.
type moment struct {
	step
	class, more string
}

// Long returns the text of the table.
func (m moment) Long() string { return strings.TrimSpace(m.Text + m.more) }

// moments lists what happened, in the order of the time line.
func (o *Outcome) moments() (all []moment) {
	add := func(at time.Time, class, format string, args ...any) {
		if !at.IsZero() {
			all = append(all, moment{step: step{at, fmt.Sprintf(format, args...)}, class: class})
		}
	}
	add(o.Began, "fault", "fault")
	add(o.Symptom, "fault", "first symptom")
	for i, h := range o.Hints {
		add(h.At, "hint", "hint %d", i+1)
		all[len(all)-1].more = ": " + h.Text
	}
	for _, a := range o.Answers {
		if a.Cause >= 0 {
			add(a.At, "right", "answer: %s, %s", a.Part, a.Kind)
		} else {
			add(a.At, "wrong", "wrong: %s, %s", a.Part, a.Kind)
		}
	}
	for _, c := range o.Checks {
		add(c.At, "wrong", "not repaired: %s", c.Text)
	}
	add(o.Repaired, "right", "repaired")
	add(o.Revealed, "hint", "revealed")
	slices.SortStableFunc(all, func(a, b moment) int { return a.At.Compare(b.At) })
	return all
}

// bars joins the moments in which users felt the same.
func bars(o *Outcome, of func(Feeling) string, x func(time.Time) float64) (out []bar) {
	felt := withGaps(o.Feelings, o.Ended)
	for i := 0; i < len(felt)-1; {
		from, word := felt[i].At, of(felt[i])
		for i < len(felt)-1 && of(felt[i]) == word {
			i++
		}
		to := felt[i].At
		if to.After(o.Began) {
			out = append(out, bar{X: x(from), Width: max(1, x(to)-x(from)), Class: word, Text: word})
		}
	}
	return out
}

// withGaps adds to feelings that nothing is known while none was noted, and an end.
func withGaps(all []Feeling, end time.Time) (out []Feeling) {
	unknown := func(at time.Time) Feeling { return Feeling{At: at, Chat: Unknown, SignIn: Unknown, Events: Unknown} }
	for i, f := range all {
		if i > 0 && f.At.Sub(all[i-1].At) > staleAfter {
			out = append(out, unknown(all[i-1].At.Add(feelEvery)))
		}
		out = append(out, f)
	}
	if n := len(all); n > 0 && end.Sub(all[n-1].At) > staleAfter {
		out = append(out, unknown(all[n-1].At.Add(feelEvery)))
	}
	return append(out, Feeling{At: end})
}

// tickEvery returns a round time that divides an incident into ten parts at the most.
func tickEvery(end time.Duration) time.Duration {
	for _, step := range []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour} {
		if end/step <= 10 {
			return step
		}
	}
	return max(time.Hour, end/10)
}
