package drill

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"

	"chatlab/src/errs"
)

// tries counts the requests of one call that went out whole: a client whose
// server does not answer asks the next, and what the first did is not known.
type tries struct{ sent atomic.Int32 }

// counting returns a context for the call.
func (t *tries) counting(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(w httptrace.WroteRequestInfo) {
		if w.Err == nil {
			t.sent.Add(1)
		}
	}})
}

func (t *tries) count() int { return int(t.sent.Load()) }

// signedUp is what a sign-up's answer says of its event: that an id is taken says
// nothing when an earlier request of the same call may have taken it.
func (t *tries) signedUp(err error) error {
	if errs.Is(err, errs.IDTaken) && t.count() > 1 {
		return errs.Wrap(err, errs.Unavailable, "an earlier request may have made the user")
	}
	return err
}
