package lab

import (
	"regexp"
	"strings"
)

// plainWord is what a POSIX shell takes as one word, and as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)

// Shell returns words as one command line, which a POSIX shell takes apart again.
func Shell(words ...string) string {
	line := make([]string, len(words))
	for i, w := range words {
		if line[i] = w; !plainWord.MatchString(w) {
			line[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(line, " ")
}
