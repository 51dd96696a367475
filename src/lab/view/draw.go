package view

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

// shape is the room that a drawing has, in its own units.
type shape struct {
	name                string
	width               int
	publicAt, privateAt int // of the lane nearest to the nodes
	laneGap             int
	nodeLeft, nodeRight int
	indent              int // of a service's child
}

// The drawing comes in two shapes: one is too wide for a phone.
var shapes = []shape{
	{name: "wide", width: 760, publicAt: 104, privateAt: 620, laneGap: 26, nodeLeft: 220, nodeRight: 500, indent: 14},
	{name: "narrow", width: 400, publicAt: 32, privateAt: 348, laneGap: 13, nodeLeft: 110, nodeRight: 270, indent: 8},
}

// Heights in the drawing.
const (
	headHeight = 92 // names of the networks, users
	nodeHead   = 30
	chipHeight = 42
	chipGap    = 8
	nodeGap    = 18
	stubGap    = 19
)

// Map is the lab as it is drawn.
type Map struct {
	Name          string // of the shape
	Width, Height int
	Public        Band
	Private       Band
	Users         Box
	UsersText     string
	Nodes         []NodeBox
	Lanes         []Line
	Stubs         []Stub
	Says          string

	public, private []lane // that are used, in their order
}

// Band is a network.
type Band struct {
	X, Y, Width, Height int
	Name, Prefix        string
	Ports               []Stub // the nodes' addresses
}

// Box is a place in the drawing.
type Box struct{ X, Y, Width, Height int }

// NodeBox is one node.
type NodeBox struct {
	Box
	Name  string
	Chips []Chip
}

// Chip is one service.
type Chip struct {
	Box
	Service, State, Class, Detail string
	Child                         bool // of the one above
	Middle                        int
}

// Line is a lane.
type Line struct {
	X, Top, Bottom int
	Class          string
	Width          float64
}

// Stub joins a service to a lane.
type Stub struct {
	X1, X2, Y int // from the service to the lane
	Class     string
	Text      string
	TextX     int
	Anchor    string
	Arrow     string // points of a polygon
	Width     float64
}

// draw makes the map of a look.
func draw(look Look, s shape) Map {
	m := Map{Name: s.name, Width: s.width, Says: summary(look), UsersText: fmt.Sprintf("%.0f in the chat", look.Now.Sessions)}
	m.Users = Box{2, 44, s.nodeLeft - 12, 38}
	all := flows(look)
	m.public, m.private = used(all, publicLanes), used(all, privateLanes)
	y := headHeight
	for _, n := range look.Lab.Inventory.Nodes {
		y = m.node(look, s, n, all, y) + nodeGap
	}
	m.Height = y
	m.bands(s, look.Lab.Inventory.Nodes[0])
	m.lanes()
	return m
}

// node draws one node from y on, and returns its lower end.
func (m *Map) node(look Look, s shape, n inventory.Node, all []Flow, y int) int {
	box := NodeBox{Box: Box{X: s.nodeLeft, Y: y, Width: s.nodeRight - s.nodeLeft}, Name: n.Name}
	port := y + nodeHead/2
	m.Public.Ports = append(m.Public.Ports, Stub{X1: s.nodeLeft, X2: s.publicAt + 10, Y: port, Text: n.Public.String(), TextX: s.nodeLeft - 6, Anchor: "end"})
	m.Private.Ports = append(m.Private.Ports, Stub{X1: s.nodeRight, X2: s.privateAt - 10, Y: port, Text: n.Private.String(), TextX: s.nodeRight + 6, Anchor: "start"})
	y += nodeHead
	for _, row := range look.Services {
		if row.Node != n.Name {
			continue
		}
		place := Place{row.Node, row.Service}
		mine := slices.DeleteFunc(slices.Clone(all), func(f Flow) bool { return f.at != place })
		height := max(chipHeight, stubGap*max(side(mine, m.public), side(mine, m.private))+4)
		c := Chip{Box: Box{s.nodeLeft + 8, y, s.nodeRight - s.nodeLeft - 16, height}, Service: row.Service, State: string(row.State), Class: class(row.State)}
		c.Middle = y + height/2
		if c.Child = strings.HasSuffix(row.Service, "-logger"); c.Child {
			c.X, c.Width = c.X+s.indent, c.Width-s.indent
		}
		c.Detail = detail(row)
		box.Chips = append(box.Chips, c)
		m.stubs(s, c, mine)
		y += height + chipGap
	}
	box.Height = y - box.Y
	m.Nodes = append(m.Nodes, box)
	return y
}

// class is the style of a state.
func class(s lab.State) string { return strings.ReplaceAll(string(s), " ", "-") }

// detail says how often a service was started again.
func detail(r lab.ServiceStatus) string {
	switch {
	case r.Restarts == 1:
		return "1 restart"
	case r.Restarts > 1:
		return fmt.Sprintf("%d restarts", r.Restarts)
	}
	return ""
}

// used returns the lanes that something is said in.
func used(all []Flow, of []lane) []lane {
	return slices.DeleteFunc(slices.Clone(of), func(l lane) bool {
		return !slices.ContainsFunc(all, func(f Flow) bool { return f.lane == l })
	})
}

func side(all []Flow, of []lane) (n int) {
	for _, f := range all {
		if slices.Contains(of, f.lane) {
			n++
		}
	}
	return n
}

// stubs joins a service to its lanes, one below the other.
func (m *Map) stubs(s shape, c Chip, all []Flow) {
	m.sideStubs(c, all, m.public, func(i int) int { return s.publicAt - i*s.laneGap }, c.X, s.nodeLeft-6, "end")
	m.sideStubs(c, all, m.private, func(i int) int { return s.privateAt + i*s.laneGap }, c.X+c.Width, s.nodeRight+6, "start")
}

func (m *Map) sideStubs(c Chip, all []Flow, of []lane, x func(int) int, edge, textX int, anchor string) {
	n := side(all, of)
	y := c.Middle - stubGap*(n-1)/2
	for _, f := range all {
		i := slices.Index(of, f.lane)
		if i < 0 {
			continue
		}
		st := Stub{X1: edge, X2: x(i), Y: y, Class: string(f.lane), Text: f.Short, TextX: textX, Anchor: anchor, Width: thickness(f.weight)}
		if f.quiet {
			st.Class += " quiet"
		}
		st.Arrow = arrow(st, f.out)
		m.Stubs = append(m.Stubs, st)
		y += stubGap
	}
}

// thickness grows with the logarithm of a rate.
func thickness(perSecond float64) float64 {
	return math.Round(10*min(1.5+math.Log2(1+perSecond)/2, 5)) / 10
}

// arrow is a triangle at the lane for outgoing traffic, at the service for incoming.
func arrow(s Stub, out bool) string {
	tip, back := s.X1, 7
	if out {
		tip, back = s.X2, -7
	}
	if s.X2 < s.X1 { // to the left
		back = -back
	}
	return fmt.Sprintf("%d,%d %d,%d %d,%d", tip, s.Y, tip+back, s.Y-4, tip+back, s.Y+4)
}
