package natslog

import (
	"testing"
	"time"
)

// A leader that is cut off answers nothing: it is given no more than one line at a
// time then, until there is an answer.
func TestNothingIsSentWhileNothingIsAnswered(t *testing.T) {
	var f flow
	now := time.Now()
	if !f.free(now, 0) || !f.free(now, 1) || !f.free(now, 2) {
		t.Error("two lines are on their way, and no third may be sent")
	}
	if f.free(now.Add(2*stalledAfter), 2) {
		t.Error("nothing was answered, and more is sent")
	}
	now = now.Add(2 * stalledAfter)
	if !f.free(now, 0) {
		t.Error("nothing is on its way, and the leader is not tried again")
	}
	if f.free(now, 1) {
		t.Error("a second line is sent before the first try is answered")
	}
	f.answered(now, false)
	if f.free(now, 1) {
		t.Error("an answer that stores nothing counts")
	}
	if f.answered(now, true); !f.free(now, 1) {
		t.Error("a line is stored, then nothing may be sent")
	}
}
