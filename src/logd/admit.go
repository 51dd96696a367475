package logd

import (
	"time"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/mtls"
)

// eventsOf names the server whose events each role may store. The operator's are those
// of `lab check`, which proves the relay with them.
var eventsOf = map[mtls.Role]string{mtls.AuthdLogger: "auth", mtls.ChatdLogger: "chat", mtls.Operator: "lab"}

// Bounds of an event's birth.
const (
	maxAge    = 30 * 24 * time.Hour // a spool that waited longer is set aside by its logger
	maxAhead  = 5 * time.Minute     // clocks of other machines may be ahead
	maxWaited = 24 * time.Hour      // of the future: later events cannot wait in a spool
)

// admit returns why an event of a peer is not stored. With code unavailable it may be
// stored later: the logger keeps it in its spool, and all behind it.
func admit(role mtls.Role, e event.Event, now time.Time) error {
	if e.Server != eventsOf[role] {
		return errs.E(errs.BadEvent, "event: the role %s may not store events of server %.32q, only of %q", role, e.Server, eventsOf[role])
	}
	switch age := now.Sub(e.Time()); {
	case age > maxAge:
		return errs.E(errs.BadEvent, "event: born %s, more than %d days ago", birth(e), int(maxAge.Hours()/24))
	case age < -maxWaited:
		return errs.E(errs.BadEvent, "event: born %s, more than %d hours in the future", birth(e), int(maxWaited.Hours()))
	case age < -maxAhead:
		return errs.E(errs.Unavailable, "event born %s waits: it is %s ahead of this machine's clock; correct the clocks", birth(e), (-age).Round(time.Second))
	}
	return nil
}

func birth(e event.Event) string { return e.Time().UTC().Format(time.RFC3339) }
