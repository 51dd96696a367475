package client

import "context"

// Renew gets a new token at once and has the server take it, as happens by
// itself when two thirds of a token's life are over. Fails as Options.Refresh
// and Options.Login do.
func (c *Chat) Renew(ctx context.Context) error { return c.renew(ctx) }
