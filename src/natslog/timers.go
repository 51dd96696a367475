package natslog

import (
	"sync"
	"time"
	_ "unsafe" // for linkname
)

// The times of JetStream's elections are no options of nats-server, only variables of its
// package (server/raft.go). Its own, 4 to 9 s of silence, leave a chat without a leader for
// longer than its users shall wait. Elections are as safe with any times; shorter ones
// only replace a leader sooner that is silent on an overloaded machine. Heartbeats come
// each second.
//
//go:linkname minElectionTimeout github.com/nats-io/nats-server/v2/server.minElectionTimeout
var minElectionTimeout time.Duration

//go:linkname maxElectionTimeout github.com/nats-io/nats-server/v2/server.maxElectionTimeout
var maxElectionTimeout time.Duration

const (
	electionAfter  = 1500 * time.Millisecond
	electionWithin = 3 * time.Second
)

// shortenElections shortens the times, before the process's first server starts.
var shortenElections = sync.OnceFunc(func() {
	minElectionTimeout, maxElectionTimeout = electionAfter, electionWithin
})
