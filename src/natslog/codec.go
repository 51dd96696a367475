package natslog

import (
	"strconv"
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

// place reads a line's number and time from the reply subject of a delivered
// message, $JS.ACK.STREAM.CONSUMER.DELIVERED.SEQ.CONSUMERSEQ.NANOSECONDS.PENDING
// (a cluster's has a domain and an account hash after ACK and a token at the
// end). [nats.Msg.Metadata] does the same with a dozen allocations.
func place(reply string) (seq uint64, at time.Time, err error) {
	const plain, withDomain = 9, 11
	first := 5
	switch n := strings.Count(reply, ".") + 1; {
	case !strings.HasPrefix(reply, "$JS.ACK.") || n < plain || n == plain+1:
		return 0, time.Time{}, errs.E(errs.Internal, "no reply subject of a stream: %q", reply)
	case n >= withDomain:
		first += 2
	}
	rest := reply
	var token string
	var nanos int64
	for i := 0; i <= first+2; i++ {
		token, rest, _ = strings.Cut(rest, ".")
		switch i {
		case first:
			seq, err = strconv.ParseUint(token, 10, 64)
		case first + 2:
			nanos, err = strconv.ParseInt(token, 10, 64)
		}
		if err != nil {
			return 0, time.Time{}, errs.Wrap(err, errs.Internal, "no reply subject of a stream: %q", reply)
		}
	}
	return seq, time.Unix(0, nanos).UTC(), nil
}
