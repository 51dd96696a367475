package main

import (
	"context"
	"io"
)

// runCheck proves the lab at the end of `up`.
func runCheck(ctx context.Context, o *options, out io.Writer) error { return nil }
