package chat_test

import (
	"testing"

	"chatlab/src/chat"
	"chatlab/src/chat/chattest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	chattest.Log(t, func(*testing.T) chat.Log { return chat.NewMemory() })
}
