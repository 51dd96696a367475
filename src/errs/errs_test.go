package errs_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"chatlab/src/errs"
)

func TestErrorTextAndCause(t *testing.T) {
	tests := map[string]struct {
		err    error
		text   string
		public string
		code   errs.Code
	}{
		"plain":   {errs.E(errs.NotFound, "no user %q", "kim"), `no user "kim"`, `no user "kim"`, errs.NotFound},
		"shown":   {errs.E(errs.Usage, "read x: %w", io.EOF), "read x: EOF", "read x: EOF", errs.Usage},
		"wrapped": {errs.Wrap(io.EOF, errs.Unavailable, "database away"), "database away: EOF", "database away", errs.Unavailable},
		"foreign": {io.EOF, "EOF", "internal error", errs.Internal},
		"deep":    {fmt.Errorf("login: %w", errs.E(errs.IDTaken, "taken")), "login: taken", "taken", errs.IDTaken},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.err.Error(); got != tt.text {
				t.Errorf("text = %q, want %q", got, tt.text)
			}
			if got := errs.Public(tt.err); got != tt.public {
				t.Errorf("public = %q, want %q", got, tt.public)
			}
			if got := errs.CodeOf(tt.err); got != tt.code {
				t.Errorf("code = %q, want %q", got, tt.code)
			}
		})
	}
	for _, err := range []error{errs.E(errs.Usage, "read: %w", io.EOF), errs.Wrap(io.EOF, errs.Usage, "read")} {
		if !errors.Is(err, io.EOF) {
			t.Errorf("%v: cause is lost", err)
		}
	}
}

func TestFixIsFoundInTheChain(t *testing.T) {
	inner := errs.E(errs.Usage, "no key").WithFix("run lab up")
	outer := errs.Wrap(inner, errs.Unavailable, "cannot start")
	if got := errs.FixOf(fmt.Errorf("authd: %w", outer)); got != "run lab up" {
		t.Fatalf("fix = %q", got)
	}
}
