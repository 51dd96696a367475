package class

import (
	"context"
	"fmt"
	"time"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/wait"
)

// Outcome is what became of one user.
type Outcome struct {
	ID     string `json:"id"`
	State  string `json:"state"` // one of the words below
	Reason string `json:"reason,omitempty"`
}

// States of an Outcome.
const (
	Added   = "added"
	There   = "there" // with the password of the list, when users are added
	Removed = "removed"
	Missing = "missing" // no such user
	Refused = "refused"
)

// Failed reports whether the user is not as asked for.
func (o Outcome) Failed() bool { return o.State == Refused }

// busyLimit is how long one user may wait for a server that is busy: all of a class come
// from one address, whose sign-ins an auth server limits.
const busyLimit = 2 * time.Minute

// Add signs users up.
func Add(ctx context.Context, auth *client.Auth, u User) Outcome {
	err := untilServed(ctx, func() error { return auth.SignUp(ctx, u.ID, u.Passwd, u.Email) })
	if errs.Is(err, errs.IDTaken) {
		if err = untilServed(ctx, func() error { _, err := auth.Login(ctx, u.ID, u.Passwd); return err }); err == nil {
			return Outcome{ID: u.ID, State: There}
		}
		if errs.Is(err, errs.WrongCredentials) {
			err = errs.E(errs.IDTaken, "the id is taken, with another password")
		}
	}
	return outcome(u, Added, err)
}

// Look tells whether a user is there.
func Look(ctx context.Context, auth *client.Auth, u User) Outcome {
	err := untilServed(ctx, func() error { _, err := auth.GetUser(ctx, u.ID); return err })
	if errs.Is(err, errs.NotFound) {
		return Outcome{ID: u.ID, State: Missing}
	}
	return outcome(u, There, err)
}

// Remove deletes a user, as the user could: the password must be that of the list.
func Remove(ctx context.Context, auth *client.Auth, u User) Outcome {
	if there := Look(ctx, auth, u); there.State != There {
		return there
	}
	err := untilServed(ctx, func() error {
		token, err := auth.Login(ctx, u.ID, u.Passwd)
		if err != nil {
			return err
		}
		return auth.DeleteUser(ctx, token, u.Passwd)
	})
	if errs.Is(err, errs.WrongCredentials) {
		err = errs.E(errs.WrongCredentials, "the password is not that of the list")
	}
	return outcome(u, Removed, err)
}

func outcome(u User, state string, err error) Outcome {
	if err != nil {
		return Outcome{ID: u.ID, State: Refused, Reason: fmt.Sprintf("%s: %s", errs.CodeOf(err), errs.Public(err))}
	}
	return Outcome{ID: u.ID, State: state}
}

// untilServed asks again when the server said that it is busy, after the time it named.
func untilServed(ctx context.Context, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, busyLimit)
	defer cancel()
	for {
		err := ask()
		busy := errs.Is(err, errs.RateLimited) || errs.Is(err, errs.Unavailable)
		if !busy || !wait.Sleep(ctx, max(errs.RetryAfterOf(err), 100*time.Millisecond)) {
			return err
		}
	}
}
