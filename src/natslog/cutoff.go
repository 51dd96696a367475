package natslog

import (
	"time"

	"chatlab/src/errs"
)

// rejoinAfter is how long a server that was cut off does not say where the log ends. If it
// led before, it may not know yet that another server leads or which lines were stored
// meanwhile, and would replay lines that a resuming client already has.
const rejoinAfter = 3 * time.Second

// cutOff tells whether this server is, or was a moment ago, connected to less than
// the larger part of all. It is found out once routes miss their pings.
func (l *Log) cutOff(now time.Time) bool {
	if l.opts.Cluster == nil {
		return false
	}
	if 2*(1+len(l.others())) <= l.opts.Cluster.members() {
		l.cutAt.Store(now.UnixNano())
		return true
	}
	return now.Sub(time.Unix(0, l.cutAt.Load())) < rejoinAfter
}

// refuseCutOff returns why lines are refused while this server reaches too few others to
// store them, or nil. It uses the state that watch saw last, since it runs for each line.
func (l *Log) refuseCutOff() error {
	if time.Since(time.Unix(0, l.cutAt.Load())) > 3*lookEvery/2 {
		return nil
	}
	return errCutOff()
}

func errCutOff() error {
	return errs.E(errs.Unavailable, "the chat log is cut off from the other servers, try another").WithRetry(time.Second)
}
