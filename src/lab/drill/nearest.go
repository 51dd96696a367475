package drill

import "chatlab/src/lab"

// nearest returns the name that takes the fewest changes of a letter, or "" when
// none is near.
func nearest(name string, names []string) string {
	best, least := "", len(name)/2+1
	for _, n := range names {
		if d := lab.Edits(name, n); d < least {
			best, least = n, d
		}
	}
	return best
}
