package mtls

import (
	"sync"

	"chatlab/src/errs"
)

// Places limits the connections of a listener, in all and of each peer, so that one
// certificate cannot take them all. Make one with NewPlaces.
type Places struct {
	all, ofPeer int

	mu    sync.Mutex
	taken int
	peers map[Identity]int
}

// NewPlaces returns a Places for so many connections.
func NewPlaces(all, ofPeer int) *Places {
	return &Places{all: all, ofPeer: ofPeer, peers: map[Identity]int{}}
}

// Enter takes a place. Fails with code unavailable where there is none.
func (p *Places) Enter(peer Identity) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.peers[peer] >= p.ofPeer:
		return errs.E(errs.Unavailable, "too many connections of %s", peer)
	case p.taken >= p.all:
		return errs.E(errs.Unavailable, "too many connections")
	}
	p.taken++
	p.peers[peer]++
	return nil
}

// Leave gives a place back.
func (p *Places) Leave(peer Identity) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.peers[peer]--; p.peers[peer] == 0 {
		delete(p.peers, peer)
	}
}
