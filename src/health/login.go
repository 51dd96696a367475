package health

import (
	"context"
	"strconv"
	"time"
)

// Login is chatlab.auth.login[(ADDRESS)]: the milliseconds of a real sign-in
// with the member at the address, or with the slowest of all.
type Login struct {
	services Services
	account  *Account
}

// NewLogin makes the check.
func NewLogin(s Services, a *Account) Check { return Cached(&Login{s, a}, dear) }

// dear is how long the result of a check that makes work for others is kept.
const dear = 10 * time.Second

// Key implements [Check].
func (*Login) Key() string { return "chatlab.auth.login" }

// About implements [Check].
func (*Login) About() string {
	return "[HOST:PORT] milliseconds of a sign-in with that authd, without it the slowest of all"
}

// Run implements [Check].
func (l *Login) Run(ctx context.Context, params []string) (string, error) {
	members, err := l.services.members("auth", params)
	if err != nil {
		return "", err
	}
	// One after the other: each sign-in is work for the password's hash.
	var slowest time.Duration
	for _, m := range members {
		took, err := l.account.signIn(ctx, m)
		if err != nil {
			return "", err
		}
		slowest = max(slowest, took)
	}
	return milliseconds(slowest), nil
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 3, 64)
}
