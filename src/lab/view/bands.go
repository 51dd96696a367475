package view

import (
	"net/netip"
	"slices"
	"strings"

	"chatlab/src/lab/inventory"
)

// bands places both networks.
func (m *Map) bands(s shape, first inventory.Node) {
	inner := s.laneGap / 2
	left, right := s.publicAt-(len(m.public)-1)*s.laneGap-inner, s.publicAt+10
	m.Public.X, m.Public.Y, m.Public.Width, m.Public.Height = left, headHeight-10, right-left, m.Height-headHeight
	m.Public.Name, m.Public.Prefix = "public network", prefix(first.Public)
	left, right = s.privateAt-10, s.privateAt+(len(m.private)-1)*s.laneGap+inner
	right = min(right, s.width)
	m.Private.X, m.Private.Y, m.Private.Width, m.Private.Height = left, headHeight-10, right-left, m.Height-headHeight
	m.Private.Name, m.Private.Prefix = "private network", prefix(first.Private)
}

func prefix(a netip.Addr) string {
	bits := 24
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// lanes draws each lane from its first stub to its last; those of users begin at them.
func (m *Map) lanes() {
	for _, l := range slices.Concat(m.public, m.private) {
		line := Line{Class: string(l), Top: m.Height, Width: 1.5}
		for _, st := range m.Stubs {
			name, _, _ := strings.Cut(st.Class, " ")
			if name != string(l) {
				continue
			}
			line.X, line.Top, line.Bottom = st.X2, min(line.Top, st.Y), max(line.Bottom, st.Y)
			line.Width = max(line.Width, st.Width)
		}
		if line.Bottom == 0 {
			continue
		}
		if slices.Contains(m.public, l) {
			line.Top = m.Users.Y + m.Users.Height
		}
		m.Lanes = append(m.Lanes, line)
	}
}
