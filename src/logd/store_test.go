package logd_test

import (
	"testing"

	"chatlab/src/event"
	"chatlab/src/logd"
	"chatlab/src/testkit/logdtest"
)

func TestMemoryFulfilsTheContract(t *testing.T) {
	logdtest.Store(t, func(*testing.T) (logd.Store, func() []event.Event) {
		m := logdtest.NewMemory()
		return m, m.All
	})
}
