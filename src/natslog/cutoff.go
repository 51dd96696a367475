package natslog

import "time"

// rejoinAfter is how long a server that was cut off does not say where the log ends:
// if it led, it may not know yet that another does, nor what was stored meanwhile, and
// would show who resumes lines a second time.
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
