package grafana

import (
	"time"
)

// noData is what a tile says, in grey, when its newest value is too old to say
// anything.
const noData = "no data"

// stale is the age from which on values of the lines say nothing: three times
// the longest interval of their items.
func stale(lines []line) time.Duration {
	var longest time.Duration
	for _, l := range lines {
		for _, t := range templates() {
			for _, i := range Items(t, Filter{l.item}) {
				longest = max(longest, t.Interval(i))
			}
		}
	}
	return 3 * longest
}
