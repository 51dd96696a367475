package natslog

import (
	"testing"
	"time"
)

func TestAnElectionBeginsOnceTheLeaderIsKnownToBeGone(t *testing.T) {
	here := []string{"two", "three"}
	began := time.Now()
	for name, c := range map[string]struct {
		led    bool // a moment ago
		leader string
		after  time.Duration // the first election; 0: none
	}{
		"the leader is there":           {false, peerID("three"), 0},
		"the leader has no route":       {false, peerID("four"), routeGone},
		"nobody has been heard of":      {false, "", nobodyKnown},
		"this one led, and leads not":   {true, "", electLook},
		"this one led, and another now": {true, peerID("two"), 0},
	} {
		var k candidacy
		if c.led {
			k.due(began, true, peerID("one"), here)
		}
		var first time.Duration
		elections := 0
		for at := electLook; at <= 5*time.Second; at += electLook {
			if k.due(began.Add(at), false, c.leader, here) {
				if elections++; first == 0 {
					first = at
				}
			}
		}
		late := c.after
		if c.after > electLook { // counted from when it was first seen
			late += electLook
		}
		if first != late {
			t.Errorf("%s: an election after %s, want %s", name, first, late)
		}
		if most := int(5 * time.Second / electAgain); elections > most+1 {
			t.Errorf("%s: %d elections in 5 s", name, elections)
		}
	}
}

func TestALeaderThatIsBackEndsTheWait(t *testing.T) {
	var k candidacy
	here := []string{"two"}
	now := time.Now()
	for i := range 100 { // its route is away for less than a moment, again and again
		leader := peerID("two")
		if i%2 == 0 {
			leader = peerID("three")
		}
		if k.due(now.Add(time.Duration(i)*electLook), false, leader, here) {
			t.Fatal("an election, though the leader was there in between")
		}
	}
}
