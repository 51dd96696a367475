package app_test

import (
	"testing"

	"chatlab/src/app"
)

func TestStateHomeIsTheUsers(t *testing.T) {
	for want, environ := range map[string][]string{
		"/home/kim/.local/state/chatlab": {"HOME=/home/kim"},
		"/var/state/chatlab":             {"HOME=/home/kim", "XDG_STATE_HOME=/var/state"},
		"/home/lee/.local/state/chatlab": {"HOME=/home/lee", "XDG_STATE_HOME=relative"},
		"":                               nil,
	} {
		if got := (&app.Env{Environ: environ}).StateHome(); got != want {
			t.Errorf("%v: %q, want %q", environ, got, want)
		}
	}
}
