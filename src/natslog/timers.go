package natslog

import (
	"sync"
	"time"
	_ "unsafe" // for linkname
)

// The times of JetStream's elections are no options of nats-server, only
// variables of its package (server/raft.go). With its own, 4 to 9 s of silence and
// again as long when a replica was catching up, a chat would be without a leader
// for longer than its users shall wait. Elections are as safe with any times; shorter
// ones only mean that a leader which is silent for so long, on a machine that has
// too much to do, is replaced. Heartbeats come each second.
//
//go:linkname minElectionTimeout github.com/nats-io/nats-server/v2/server.minElectionTimeout
var minElectionTimeout time.Duration

//go:linkname maxElectionTimeout github.com/nats-io/nats-server/v2/server.maxElectionTimeout
var maxElectionTimeout time.Duration

// A leader that hears of no majority goes on taking lines, which it cannot store, for
// 10 to 20 s with nats-server's own times. Back among the others it drops them again one
// by one, at one in two seconds, and has not all lines until then: so it stops sooner.
// It has then been silent for the others for as long as they wait.
//
//go:linkname lostQuorumInterval github.com/nats-io/nats-server/v2/server.lostQuorumInterval
var lostQuorumInterval time.Duration

//go:linkname lostQuorumCheck github.com/nats-io/nats-server/v2/server.lostQuorumCheck
var lostQuorumCheck time.Duration

const (
	aloneAfter = 3 * time.Second
	aloneCheck = time.Second

	electionAfter  = 2500 * time.Millisecond
	electionWithin = 5 * time.Second
)

// shortenElections shortens the times, before the process's first server starts.
var shortenElections = sync.OnceFunc(func() {
	minElectionTimeout, maxElectionTimeout = electionAfter, electionWithin
	lostQuorumInterval, lostQuorumCheck = aloneAfter, aloneCheck
})
