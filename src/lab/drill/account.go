package drill

import (
	"fmt"
	"strings"
)

// The words of an account, in the order in which they are printed.
const (
	lost      = "lost"      // acknowledged or shown, and not there
	missing   = "missing"   // in the stored log, and not there
	doubled   = "doubled"   // there more often than it was said or asked for
	reordered = "reordered" // at another place in the order
	altered   = "altered"   // another text, user, room or id
	late      = "late"      // there though it was refused
	unsent    = "unsent"    // there though nobody said it
)

var accountWords = []string{lost, missing, doubled, reordered, altered, late, unsent}

// Account counts the faults of the lines or events of one place.
type Account struct {
	Lost      int `json:"lost"`
	Missing   int `json:"missing"`
	Doubled   int `json:"doubled"`
	Reordered int `json:"reordered"`
	Altered   int `json:"altered"`
	Late      int `json:"late"`
	Unsent    int `json:"unsent"`

	// First names the first of each word that was found.
	First map[string]string `json:"first,omitempty"`
}

func (a *Account) counter(word string) *int {
	return map[string]*int{
		lost: &a.Lost, missing: &a.Missing, doubled: &a.Doubled, reordered: &a.Reordered,
		altered: &a.Altered, late: &a.Late, unsent: &a.Unsent,
	}[word]
}

// add counts n findings of a word; none if n is not positive.
func (a *Account) add(word string, n int, name string) {
	if n <= 0 {
		return
	}
	*a.counter(word) += n
	if a.First == nil {
		a.First = map[string]string{}
	}
	if a.First[word] == "" {
		a.First[word] = name
	}
}

// merge adds the findings of another account.
func (a *Account) merge(b Account) {
	for _, word := range b.words() {
		a.add(word, *b.counter(word), b.First[word])
	}
}

// words lists the words that were found, in the order of the account.
func (a *Account) words() (found []string) {
	for _, word := range accountWords {
		if *a.counter(word) > 0 {
			found = append(found, word)
		}
	}
	return found
}

func (a *Account) clean() bool { return len(a.words()) == 0 }

// String writes every word with its number.
func (a *Account) String() string {
	var out []string
	for _, word := range accountWords {
		out = append(out, fmt.Sprintf("%s %d", word, *a.counter(word)))
	}
	return strings.Join(out, "  ")
}
