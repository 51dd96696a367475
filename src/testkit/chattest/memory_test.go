package chattest_test

import (
	"testing"

	"chatlab/src/chat"
	"chatlab/src/testkit/chattest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	chattest.Log(t, func(*testing.T) chat.Log { return chattest.NewMemory() })
}
