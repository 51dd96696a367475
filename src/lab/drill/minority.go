package drill

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"chatlab/src/errs"
)

// Minority is what clients got whose only servers were cut off from the larger part.
type Minority struct {
	Node    string            `json:"node"`
	Clients int               `json:"clients"`
	Signers int               `json:"signers"`
	Taken   int               `json:"taken"`   // lines acknowledged, and sign-ins and sign-ups done
	Silent  int               `json:"silent"`  // clients of the chat that got no answer at all
	Lines   map[errs.Code]int `json:"lines"`   // refusals by code
	SignIns map[errs.Code]int `json:"signins"` // and of sign-ins and sign-ups
}

// honest are the codes that a server which is cut off may refuse with: that it
// cannot serve, and, to who sends all that again, that this is too much.
var honest = map[errs.Code]bool{errs.Unavailable: true, errs.RateLimited: true}

// faults tells what a minority must not have done.
func (m Minority) faults() (broken []string) {
	if m.Taken > 0 {
		broken = append(broken, fmt.Sprintf("%s was cut off and took %d lines or sign-ins", m.Node, m.Taken))
	}
	for _, is := range []struct {
		what  string
		who   int
		codes map[errs.Code]int
	}{{"users of the chat", m.Clients, m.Lines}, {"users who sign in", m.Signers, m.SignIns}} {
		if is.who == 0 || is.codes[errs.Unavailable] == 0 {
			broken = append(broken, fmt.Sprintf("%s was cut off and none of its %d %s was told %s", m.Node, is.who, is.what, errs.Unavailable))
		}
		for _, code := range slices.Sorted(maps.Keys(is.codes)) {
			if !honest[code] {
				broken = append(broken, fmt.Sprintf("%s was cut off and told %s %s", m.Node, is.what, code))
			}
		}
	}
	return broken
}

func (m Minority) String() string {
	return fmt.Sprintf("%s: %d users of the chat were refused %s, %d of them got no answer; %d who sign in: %s; taken %d",
		m.Node, m.Clients, byCode(m.Lines), m.Silent, m.Signers, byCode(m.SignIns), m.Taken)
}

func (r *Report) minority(m Minority) {
	r.Minorities = append(r.Minorities, m)
	r.Broken = append(r.Broken, m.faults()...)
}

// byCode writes refusals as "3 rate_limited, 1 unavailable".
func byCode(codes map[errs.Code]int) string {
	if len(codes) == 0 {
		return "0"
	}
	var out []string
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		out = append(out, fmt.Sprintf("%d %s", codes[code], code))
	}
	return strings.Join(out, ", ")
}
