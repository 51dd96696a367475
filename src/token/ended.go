package token

import (
	"strings"
	"time"
)

// Ended names the users whose tokens have ended, in lower case, and since when tokens
// that are issued are good again, in Unix seconds.
type Ended map[string]int64

// Add notes that the tokens of a user that were issued before a time have ended.
func (e Ended) Add(user string, from time.Time) { e[strings.ToLower(user)] = from.Unix() }

// Covers tells whether a token has ended.
func (e Ended) Covers(c Claims) bool { return c.IssuedAt < e[strings.ToLower(c.User)] }
