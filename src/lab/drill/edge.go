package drill

import "chatlab/src/client"

// newAuth makes a client of auth servers at their base URLs.
func (r *run) newAuth(bases ...string) (*client.Auth, error) {
	return client.NewAuthOf(r.roots, bases...)
}
