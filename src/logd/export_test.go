package logd

import "time"

// Hasten shortens a server's times, before it serves.
func (s *Server) Hasten(heartbeat, silence time.Duration) {
	s.pace.heartbeat, s.pace.silence, s.pace.handshake = heartbeat, silence, silence
	s.pace.backoffMin, s.pace.backoffMax = time.Millisecond, 10*time.Millisecond
}

// Hasten makes a retention trim again at once.
func (r *Retention) Hasten() { r.every = time.Millisecond }

// Gathering sets the time from a small batch to the next, before it serves.
func (s *Server) Gathering(d time.Duration) { s.pace.gather = d }

// MaxConns, MaxOfPeer and MaxInFlight are the limits of a server, of a peer and of a
// connection.
const (
	MaxConns    = maxConns
	MaxOfPeer   = maxOfPeer
	MaxInFlight = maxInFlight
)
