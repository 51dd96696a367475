package view

import (
	"fmt"
	"math"
	"strings"
	"time"

	"chatlab/src/lab/mark"
)

// maxPoints is how many points are kept. When there are more, two become one, so that the
// curves always begin where the collector did.
const maxPoints = 600

// history keeps the points since the collector began.
type history struct {
	points []stamped
	step   int // looks that make one point
	taken  int // of the newest point
}

type stamped struct {
	at time.Time
	Point
}

func (h *history) add(at time.Time, p Point) {
	if h.taken > 0 && h.taken < h.step {
		last := &h.points[len(h.points)-1]
		last.Point = highest(last.Point, p)
	} else {
		h.points = append(h.points, stamped{at, p})
		h.taken = 0
	}
	h.taken++
	if len(h.points) <= maxPoints {
		return
	}
	half := h.points[:0]
	for i := 0; i+1 < len(h.points); i += 2 {
		half = append(half, stamped{h.points[i].at, highest(h.points[i].Point, h.points[i+1].Point)})
	}
	h.points, h.step, h.taken = half, h.step*2, 0
}

// highest takes the higher of each value: a short peak must not vanish.
func highest(a, b Point) Point {
	a.Lines, a.SignIns, a.Delay = max(a.Lines, b.Lines), max(a.SignIns, b.SignIns), max(a.Delay, b.Delay)
	a.Backlog, a.Lag, a.Sessions = max(a.Backlog, b.Backlog), max(a.Lag, b.Lag), max(a.Sessions, b.Sessions)
	a.Measured = a.Measured || b.Measured
	return a
}

// Curve is one value over time, ready to be drawn.
type Curve struct {
	ID, Name, About string
	Now, Peak       string // with their units
	Line, Area      string // path and polygon points, in a box of curveWidth and curveHeight
	Marks           []CurveMark
}

// CurveMark is where a mark lies in a curve.
type CurveMark struct {
	X    float64
	Text string
}

// The box of a curve, in units of its drawing.
const (
	curveWidth  = 300
	curveHeight = 56
)

// curveKinds are the values that have a curve.
var curveKinds = []struct {
	id, name, about string
	value           func(Point) float64
	text            func(float64) string
}{
	{"lines", "Lines", "lines of chat that were taken, per second", func(p Point) float64 { return p.Lines }, perSecond},
	{"signins", "Sign-ins", "accepted sign-ins, per second", func(p Point) float64 { return p.SignIns }, perSecond},
	{"sessions", "In the chat", "users on the chat servers", func(p Point) float64 { return p.Sessions }, func(v float64) string { return fmt.Sprintf("%.0f", v) }},
	{"delay", "Delay", "from a line's coming to its going out", func(p Point) float64 { return p.Delay }, duration},
	{"backlog", "Backlog", "events at the loggers that are not stored yet", func(p Point) float64 { return p.Backlog }, size},
	{"lag", "Lag", "lines that a member, or the event log, has not got yet", func(p Point) float64 { return p.Lag }, lines},
}

func perSecond(v float64) string { return rate(v) + "/s" }

// rate writes a small number with one digit after the point, others with none.
func rate(v float64) string {
	if v > 0 && v < 9.95 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

func duration(v float64) string {
	switch {
	case v == 0:
		return "none"
	case v < 0.0995:
		return fmt.Sprintf("%.1f ms", v*1000)
	case v < 1:
		return fmt.Sprintf("%.0f ms", v*1000)
	}
	return fmt.Sprintf("%.1f s", v)
}

func size(v float64) string {
	switch {
	case v < 1<<10:
		return fmt.Sprintf("%.0f B", v)
	case v < 1<<20:
		return fmt.Sprintf("%.0f KiB", v/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", v/(1<<20))
}

func lines(v float64) string { return fmt.Sprintf("%.0f lines", v) }

// curves draws each kind, from the collector's begin to now.
func (h *history) curves(notes []mark.Mark) []Curve {
	var out []Curve
	for _, k := range curveKinds {
		c := Curve{ID: k.id, Name: k.name, About: k.about, Now: "unknown"}
		peak := 0.0
		for _, p := range h.points {
			peak = max(peak, k.value(p.Point))
		}
		if n := len(h.points); n > 0 && h.points[n-1].Measured {
			c.Now = k.text(k.value(h.points[n-1].Point))
		}
		c.Peak = k.text(peak)
		c.Line, c.Area = h.draw(k.value, peak)
		c.Marks = h.marks(notes)
		out = append(out, c)
	}
	return out
}

// x is where a time lies.
func (h *history) x(at time.Time) float64 {
	first, last := h.points[0].at, h.points[len(h.points)-1].at
	whole := max(last.Sub(first), time.Minute) // a lab that was just opened has short curves
	return math.Round(10*curveWidth*float64(at.Sub(first))/float64(whole)) / 10
}

// draw makes a line and the area below it. Between two points a gap stands where no service
// answered.
func (h *history) draw(value func(Point) float64, peak float64) (line, area string) {
	var path, points strings.Builder
	pen := false
	end := 0.0
	for _, p := range h.points {
		if !p.Measured {
			pen = false
			continue
		}
		x, y := h.x(p.at), float64(curveHeight)
		if peak > 0 {
			y = curveHeight - (curveHeight-4)*value(p.Point)/peak
		}
		move := "L"
		if !pen {
			move = "M"
			if points.Len() > 0 {
				fmt.Fprintf(&points, "%g,%d ", end, curveHeight)
			}
			fmt.Fprintf(&points, "%g,%d ", x, curveHeight)
		}
		fmt.Fprintf(&path, "%s%g %.1f", move, x, y)
		fmt.Fprintf(&points, "%g,%.1f ", x, y)
		pen, end = true, x
	}
	if points.Len() > 0 {
		fmt.Fprintf(&points, "%g,%d", end, curveHeight)
	}
	return path.String(), points.String()
}

func (h *history) marks(notes []mark.Mark) (out []CurveMark) {
	for _, n := range notes {
		if len(h.points) > 0 && !n.At.Before(h.points[0].at) {
			out = append(out, CurveMark{min(h.x(n.At), curveWidth), n.Text})
		}
	}
	return out
}
