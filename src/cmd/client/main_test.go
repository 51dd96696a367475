//go:build !fuzz

package main

import (
	"os"
	"path/filepath"
	"testing"

	"chatlab/src/testkit"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"client": main})
}

// TestScripts runs testdata/*.txtar. Each has servers of its own: $AUTH is the
// base URL, $CHAT host:port, $DEAD an address where nothing listens, and
// .lab/client.yaml names the first two.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			s, err := start(env, t.TempDir(), 100)
			if err != nil {
				return err
			}
			env.Setenv("AUTH", s.auth)
			env.Setenv("CHAT", s.chat)
			env.Setenv("DEAD", testkit.FreeAddr(t))
			if err := os.Mkdir(filepath.Join(env.WorkDir, ".lab"), 0o755); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(env.WorkDir, ".lab", "client.yaml"), []byte(s.config()), 0o644)
		},
	})
}
