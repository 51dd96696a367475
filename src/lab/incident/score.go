package incident

import "time"

// The score's parts: 100 points at the most.
const (
	answerPoints = 40 // for the right answer
	repairPoints = 40 // for the repair
	lossPoints   = 20 // for a repair that lost nothing
	latePoints   = 10 // of the first two, for one that took three times as long as it should

	hintCosts  = 8
	wrongCosts = 5
	lossCosts  = 5 // each line, event or user
)

// score is the number of points of an incident, 0 to 100.
func (o *Outcome) score() int {
	points := 0
	if !o.Answered.IsZero() {
		points += max(0, inTime(answerPoints, o.Answered.Sub(o.Began), o.allowed())-wrongCosts*o.Wrong)
	}
	if !o.Repaired.IsZero() {
		points += inTime(repairPoints, o.Repaired.Sub(o.Began), o.allowed())
		if o.Accounted {
			points += max(0, lossPoints-lossCosts*(o.Lines+o.Events+o.Users))
		}
	}
	return max(0, points-hintCosts*len(o.Hints))
}

func (o *Outcome) allowed() time.Duration { return time.Duration(o.Minutes) * time.Minute }

// inTime returns all points within the time, and fewer down to latePoints at three times
// that.
func inTime(points int, took, allowed time.Duration) int {
	late := float64(took-allowed) / float64(2*allowed)
	return points - int(min(1, max(0, late))*float64(points-latePoints))
}
