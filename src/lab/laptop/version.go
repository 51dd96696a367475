package laptop

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// version is the numbers of a version; nil is an unknown one.
type version []int

var numbers = regexp.MustCompile(`\d+(?:\.\d+)+`)

// parseVersion takes the first dotted number out of a text; nil without one.
func parseVersion(text string) version {
	var v version
	for part := range strings.SplitSeq(numbers.FindString(text), ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		v = append(v, n)
	}
	return v
}

// before tells whether v is older. Numbers that are not given are zero.
func (v version) before(other version) bool { return v.compare(other) < 0 }

func (v version) compare(other version) int {
	return slices.Compare(v.padded(len(other)), other.padded(len(v)))
}

func (v version) padded(n int) version {
	return append(slices.Clone(v), make(version, max(0, n-len(v)))...)
}

// series is the first two numbers.
func (v version) series() version { return v[:min(2, len(v))] }

func (v version) String() string {
	var parts []string
	for _, n := range v {
		parts = append(parts, fmt.Sprint(n))
	}
	return strings.Join(parts, ".")
}
