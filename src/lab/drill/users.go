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

// The auth servers take 50 requests a second from an address, and a password costs
// them 20 ms of a processor or more.
const (
	enterers   = 4
	enterEvery = 25 * time.Millisecond
	enterAgain = 250 * time.Millisecond
	enterLimit = 20 * time.Second // for one user
)

// Users is the account of the users whose sign-up was acknowledged.
type Users struct {
	SignedUp int    `json:"signed_up"`
	Lost     int    `json:"lost"` // they cannot sign in
	First    string `json:"first,omitempty"`
}

func (u *Users) clean() bool { return u.Lost == 0 }

// signInAgain signs every user in whose sign-up was acknowledged.
func (r *run) signInAgain(ctx context.Context, auth *client.Auth) Users {
	users := r.ledger.signedUp()
	slices.Sort(users)
	out := Users{SignedUp: len(users)}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(enterers)
	pace := time.NewTicker(enterEvery)
	defer pace.Stop()
	for _, user := range users {
		<-pace.C
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
func (r *run) signsIn(ctx context.Context, auth *client.Auth, user string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, enterLimit)
	defer cancel()
	wait.Until(ctx, enterAgain, func() bool {
		_, err = auth.Login(ctx, user, r.id+password)
		return !errs.Is(err, errs.RateLimited) && !errs.Is(err, errs.Unavailable)
	})
	return err
}
