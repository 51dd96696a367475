package drill

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/wait"
)

// A password costs an auth server 20 ms of a processor or more. Beyond 500 requests
// it takes 50 a second from an address, and refuses the others.
const (
	enterers   = 4
	enterAgain = 250 * time.Millisecond
	enterLimit = 20 * time.Second // for one user
)

// Users is the account of the users whose sign-up was acknowledged.
type Users struct {
	SignedUp int    `json:"signed_up"`
	Lost     int    `json:"lost"` // they cannot sign in
	First    string `json:"first,omitempty"`
}

// signInAgain signs every user in whose sign-up was acknowledged.
func (r *run) signInAgain(ctx context.Context, auth *client.Auth) Users {
	users := r.ledger.signedUp()
	slices.Sort(users)
	out := Users{SignedUp: len(users)}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(enterers)
	for _, user := range users {
		group.Go(func() error {
			if err := r.signsIn(ctx, auth, user); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if out.Lost++; out.First == "" {
					out.First = fmt.Sprintf("%s: %v", user, err)
				}
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are counted
	return out
}

// signsIn signs one user in. A server that is busy or not there is asked again.
func (r *run) signsIn(ctx context.Context, auth *client.Auth, user string) error {
	return untilServed(ctx, func(ctx context.Context) error {
		_, err := auth.Login(ctx, user, r.id+password)
		return err
	}, errs.RateLimited, errs.Unavailable)
}

// untilServed asks again while the answer is one of the codes, for enterLimit at most. All
// users of a drill come from one address, whose requests an auth server limits.
func untilServed(ctx context.Context, ask func(context.Context) error, codes ...errs.Code) (err error) {
	ctx, cancel := context.WithTimeout(ctx, enterLimit)
	defer cancel()
	wait.Until(ctx, enterAgain, func() bool {
		err = ask(ctx)
		return !slices.Contains(codes, errs.CodeOf(err))
	})
	return err
}
