package mark_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab/mark"
)

func TestMarksAreReadBack(t *testing.T) {
	dir := t.TempDir()
	if got := mark.Since(dir, time.Time{}); got != nil {
		t.Fatalf("marks of nobody: %v", got)
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := mark.Add(dir, fmt.Sprintf("fault %d", i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	torn, err := os.OpenFile(filepath.Join(dir, mark.File), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = torn.WriteString("{\"at\": \n")
	_ = torn.Close()
	between := time.Now()
	if err := mark.Add(dir, "the last"); err != nil {
		t.Fatal(err)
	}
	if got := mark.Since(dir, time.Time{}); len(got) != 21 {
		t.Errorf("%d marks of 21: %v", len(got), got)
	}
	if got := mark.Since(dir, between); len(got) != 1 || got[0].Text != "the last" {
		t.Errorf("since: %v", got)
	}
}

func TestTheFileDoesNotGrowWithoutEnd(t *testing.T) {
	dir := t.TempDir()
	for range 4 {
		if err := mark.Add(dir, strings.Repeat("x", 100<<10)); err != nil {
			t.Fatal(err)
		}
	}
	if got := mark.Since(dir, time.Time{}); len(got) != 1 {
		t.Errorf("%d marks", len(got))
	}
	if err := mark.Add(filepath.Join(dir, "none"), "x"); !errs.Is(err, errs.Failed) {
		t.Errorf("no folder: %v", err)
	}
}
