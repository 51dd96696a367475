package natslog

import (
	"strings"
	"time"

	"chatlab/src/chat"
	"chatlab/src/errs"
	"chatlab/src/wire"
)

// maxPayload bounds a stored line: text, names, id and what separates them.
const maxPayload = 16 << 10

// encode gives the stored form of a line: user LF id LF text. None of the three
// can hold LF, and the rest is in the subject and the stream's own fields.
func encode(d chat.Draft) ([]byte, error) {
	size := len(d.User) + len(d.ID) + len(d.Text) + 2
	if strings.IndexByte(d.User, '\n') >= 0 || strings.IndexByte(d.ID, '\n') >= 0 || size > maxPayload-1024 {
		return nil, errs.E(errs.BadRequest, "the line cannot be stored")
	}
	p := make([]byte, 0, size)
	p = append(append(p, d.User...), '\n')
	p = append(append(p, d.ID...), '\n')
	return append(p, d.Text...), nil
}

// decode is the inverse of encode. A line that another program put into the
// stream has no user. Whatever the stream holds, no control character and no terminal
// escape leaves it.
func decode(subject string, payload []byte, seq uint64, at time.Time) wire.Message {
	user, rest, ok := strings.Cut(string(payload), "\n")
	if !ok {
		user, rest = "", "\n"+user
	}
	id, text, _ := strings.Cut(rest, "\n")
	return wire.Message{
		Seq: seq, Time: at, Room: wire.Harmless(strings.TrimPrefix(subject, prefix)),
		User: wire.Harmless(user), ID: wire.Harmless(id), Text: wire.Harmless(text),
	}
}
