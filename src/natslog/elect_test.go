package natslog

import (
	"testing"
	"time"
)

func TestAnElectionBeginsOnceTheLeaderIsKnownToBeGone(t *testing.T) {
	here := map[string]string{peerID("two"): "NTWO", peerID("three"): "NTHREE"}
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
			k.due(began, view{leads: true, leader: peerID("one"), here: here})
		}
		var first time.Duration
		elections := 0
		for at := electLook; at <= 5*time.Second; at += electLook {
			if k.due(began.Add(at), view{leader: c.leader, here: here}) {
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
	here := map[string]string{peerID("two"): "NTWO"}
	now := time.Now()
	for i := range 100 { // its route is away for less than a moment, again and again
		leader := peerID("two")
		if i%2 == 0 {
			leader = peerID("three")
		}
		if k.due(now.Add(time.Duration(i)*electLook), view{leader: leader, here: here}) {
			t.Fatal("an election, though the leader was there in between")
		}
	}
}

// Its supervisor may start a killed leader again before anybody misses its route.
func TestALeaderThatWasStartedAgainLeadsNoMoreInItsTerm(t *testing.T) {
	var k candidacy
	now := time.Now()
	looks := func(term uint64, server string) bool {
		now = now.Add(electLook)
		return k.due(now, view{leader: peerID("two"), term: term, here: map[string]string{peerID("two"): server}})
	}
	for _, c := range []struct {
		term   uint64
		server string
		due    bool
	}{
		{3, "OLD", false},
		{3, "OLD", false},
		{3, "", false}, // gone, for less than routeGone
		{3, "NEW", true},
		{3, "NEW", false}, // the election that was begun has its time
		{4, "NEW", false}, // elected after its start
		{4, "NEW", false},
	} {
		if got := looks(c.term, c.server); got != c.due {
			t.Errorf("term %d, server %q: an election is due: %v, want %v", c.term, c.server, got, c.due)
		}
	}
}
