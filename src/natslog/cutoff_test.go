package natslog_test

import (
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/testkit"
)

func TestAServerThatIsCutOffSaysSoAtOnce(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	persist(t, r.logs[0], line(0))
	r.stop(1)
	r.stop(2)
	testkit.Until(t, "it knows", func() bool { return len(r.logs[0].Others()) == 0 })
	asked := time.Now()
	_, err := r.logs[0].Bounds(t.Context())
	if took := time.Since(asked); !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "cut off") || took > time.Second {
		t.Errorf("after %s: %v", took, err)
	}
	r.start(1)
	r.ready()
	persist(t, r.logs[0], line(1))
}
