package mount

import (
	"slices"
	"testing"
)

func TestMountsAreFoundDeepestFirst(t *testing.T) {
	if !At("/proc") || At("/proc/nowhere") {
		t.Error("/proc is mounted, and no more")
	}
	all := Below("/")
	if len(all) > 0 && slices.Index(all, "/proc") > slices.Index(all, "/") && slices.Contains(all, "/") {
		t.Error(all)
	}
}
