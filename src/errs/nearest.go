package errs

// Nearest returns the name that a mistyped one most likely stands for: the one that takes
// the fewest changes of a letter, "" where none is near.
func Nearest(name string, known []string) string {
	best, least := "", len(name)/2+1
	for _, n := range known {
		if d := Edits(name, n); d < least {
			best, least = n, d
		}
	}
	return best
}

// Edits counts the insertions, deletions and substitutions of bytes that turn
// one string into the other (Levenshtein).
func Edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
