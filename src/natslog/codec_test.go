package natslog

import (
	"testing"
	"time"

	"chatlab/src/wire"
)

func TestNoEscapeLeavesTheLog(t *testing.T) {
	for name, payload := range map[string]string{
		"another program's line": "\x1b[2J\xc2\x9bhello\u202e",
		"in each part":           "k\x1bim\n\x071\nhel\x1blo",
		"not UTF-8":              "kim\n1\nhello\xff",
		"nothing":                "",
	} {
		m := decode("chat.lob\x1bby", []byte(payload), 7, time.Unix(0, 0))
		for _, part := range []string{m.Room, m.User, m.ID, m.Text} {
			if clean := wire.Harmless(part); clean != part {
				t.Errorf("%s: %q", name, part)
			}
		}
		if m.Seq != 7 || m.Room != "lobby" {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if m := decode("chat.lobby", []byte("kim\n1\nhel\x1blo\nthere"), 1, time.Unix(0, 0)); m.User != "kim" || m.ID != "1" || m.Text != "hello there" {
		t.Errorf("%+v", m)
	}
}
