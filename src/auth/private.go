package auth

import (
	"net/http"

	"chatlab/src/token"
)

// EndedAnswer is what the private listener tells the chat servers.
type EndedAnswer struct {
	Ended token.Ended `json:"ended"`
}

// Private returns the HTTP API of the private listener: GET /ended returns the users
// whose tokens have ended within the lifetime of a token.
func (s *Service) Private() http.Handler {
	h := s.handler()
	h.routes = map[string]route{"/ended": {"ended", http.MethodGet, free, func(r *http.Request) (any, error) {
		ended, err := h.Ended(r.Context())
		return EndedAnswer{ended}, err
	}}}
	return h
}
