package mariadbtest_test

import (
	"os"
	"path/filepath"
	"testing"

	"chatlab/src/testkit/mariadbtest"
)

// Several packages' tests run servers at the same time.
func TestStartLeavesTheTemporaryTablesOfOthers(t *testing.T) {
	shared := t.TempDir()
	t.Setenv("TMPDIR", shared)
	theirs := filepath.Join(shared, "#sql-temptable-3ed9-1-6.MAI")
	if err := os.WriteFile(theirs, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mariadbtest.Start(t)
	if _, err := os.Stat(theirs); err != nil {
		t.Errorf("a server that started removed it: %v", err)
	}
}
