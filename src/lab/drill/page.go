package drill

import (
	"bytes"
	_ "embed" // the page's template
	"fmt"
	"html/template"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"chart": newChart, "text": reportText, "mib": func(n int64) int64 { return n >> 20 },
	"words": Account.figures,
}).Parse(pageText))

// asPage makes one HTML page that needs no other file.
func (o *Outcome) asPage() ([]byte, error) {
	var out bytes.Buffer
	err := pageTemplate.Execute(&out, o)
	return out.Bytes(), err
}

func reportText(r *Report) string {
	var out bytes.Buffer
	r.Print(&out, nil)
	return out.String()
}

// figure is a word of an account and its number.
type figure struct {
	Word  string
	Count int
}

func (a Account) figures() (out []figure) {
	for _, word := range accountWords {
		out = append(out, figure{word, *a.counter(word)})
	}
	return out
}

// The chart's measures, in pixels.
const (
	chartWidth = 960
	chartLeft  = 150 // for the names of the lanes
	chartRight = 20
	laneHeight = 46
	laneGap    = 14
	axisHeight = 24
)

// chart is a drill's timeline as it is drawn.
type chart struct {
	Width, Height int
	Lanes         []lane
	Ticks         []tick
	Bottom        int // y of the axis
	Left          int
}

// lane is one row of the chart.
type lane struct {
	Name, Class string
	Peak        string // of the area
	Top, Base   int
	Bars        []bar
	Area        string // points of a polygon, "" for none
}

type bar struct {
	X, Width    float64
	Class, Text string
}

type tick struct {
	X    float64
	Text string
}

// newChart draws faults and their heals, the clients that wait, with the longest gap
// of one client, and the backlog.
func newChart(r *Report) chart {
	c := chart{Width: chartWidth, Left: chartLeft}
	end := max(time.Duration(r.Took), time.Second)
	x := func(at Seconds) float64 {
		return chartLeft + float64(at)/float64(end)*(chartWidth-chartLeft-chartRight)
	}
	c.Lanes = []lane{
		{Name: "faults", Bars: faultBars(r, x)},
		{Name: "without the chat", Class: "chat", Bars: gapBar(r, x, r.Gaps.ChatFrom, r.Gaps.Chat)},
		{Name: "without a sign-in", Class: "signin", Bars: gapBar(r, x, r.Gaps.SignInFrom, r.Gaps.SignIn)},
		{Name: "backlog", Class: "backlog"},
	}
	for i := range c.Lanes {
		l := &c.Lanes[i]
		l.Top = i * (laneHeight + laneGap)
		l.Base = l.Top + laneHeight
	}
	c.Lanes[1].draw(r, x, func(s Sample) int64 { return int64(s.Chat) }, "%d users")
	c.Lanes[2].draw(r, x, func(s Sample) int64 { return int64(s.SignIn) }, "%d users")
	c.Lanes[3].draw(r, x, func(s Sample) int64 { return s.Backlog >> 10 }, "%d KiB")
	c.Bottom = len(c.Lanes) * (laneHeight + laneGap)
	c.Height = c.Bottom + axisHeight
	for at := time.Duration(0); at <= end; at += tickEvery(end) {
		c.Ticks = append(c.Ticks, tick{x(Seconds(at)), at.String()})
	}
	return c
}

// tickEvery returns a round time that divides a drill into ten parts at the most.
func tickEvery(end time.Duration) time.Duration {
	steps := []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	}
	for _, step := range steps {
		if end/step <= 10 {
			return step
		}
	}
	return time.Hour
}

// faultBars draws each fault until its heal, and from there until a user was served.
func faultBars(r *Report, x func(Seconds) float64) (bars []bar) {
	add := func(class string, from, to Seconds, text string) {
		bars = append(bars, bar{X: x(from), Width: max(x(to)-x(from), 2), Class: class, Text: text})
	}
	for _, f := range r.Timeline.Faults {
		healed := f.Healed
		if healed == 0 {
			healed = r.Took
		}
		add("fault", f.From, healed, fmt.Sprintf("%s: at %s, healed at %s", f.Name, f.From, healed))
		if f.Served > 0 {
			add("heal", f.Healed, f.Served, fmt.Sprintf("%s: a user was served %s after the heal", f.Name, f.Served-f.Healed))
		}
	}
	return bars
}

// gapBar draws the longest gap of one client.
func gapBar(r *Report, x func(Seconds) float64, from time.Time, took Seconds) []bar {
	if took == 0 || from.IsZero() {
		return nil
	}
	at := Seconds(from.Sub(r.began))
	return []bar{{X: x(at), Width: max(x(at+took)-x(at), 2), Class: "gap", Text: fmt.Sprintf("the client that waited longest: %s from %s on", took, at)}}
}

// draw makes the area of the samples, as high as the lane where it is highest.
func (l *lane) draw(r *Report, x func(Seconds) float64, value func(Sample) int64, unit string) {
	samples := r.Timeline.Samples
	var peak int64
	for _, s := range samples {
		peak = max(peak, value(s))
	}
	l.Peak = fmt.Sprintf("at most "+unit, peak)
	if peak == 0 {
		return
	}
	var points []string
	point := func(at Seconds, n int64) {
		points = append(points, fmt.Sprintf("%.1f,%.1f", x(at), float64(l.Base)-float64(n)/float64(peak)*laneHeight))
	}
	point(samples[0].At, 0)
	for _, s := range samples {
		point(s.At, value(s))
	}
	point(samples[len(samples)-1].At, 0)
	l.Area = strings.Join(points, " ")
}
