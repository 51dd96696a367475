package event

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"chatlab/src/errs"
)

// MaxReply is the longest line in bytes, its LF included, that a log server
// sends to a logger.
const MaxReply = 512

// Reply is one line from a log server to a logger: an acknowledgement where
// Code is empty, else a refusal, after which the connection closes.
type Reply struct {
	Ack  uint64    // lines of this connection that are stored
	Code errs.Code // bad_event: the line Line is refused for good; others: try again later
	Line uint64    // the refused line's number on this connection, from 1; 0: none
	Text string    // for people
}

// AppendReply adds the reply's line, with its LF, to dst: `ack N` or
// `error CODE LINE TEXT`. Control characters of the text become spaces, and a
// long text is cut.
func AppendReply(dst []byte, r Reply) []byte {
	if r.Code == "" {
		return AppendAck(dst, r.Ack)
	}
	start := len(dst)
	dst = append(append(dst, "error "...), r.Code...)
	dst = strconv.AppendUint(append(dst, ' '), r.Line, 10)
	dst = append(dst, ' ')
	for _, c := range r.Text {
		if c < ' ' || c == 0x7f {
			c = ' '
		}
		if len(dst)-start+utf8.RuneLen(c) > MaxReply-1 {
			break
		}
		dst = utf8.AppendRune(dst, c)
	}
	return append(dst, '\n')
}

// ParseReply reads a reply, with or without its LF. Fails with code
// bad_request.
func ParseReply(line []byte) (Reply, error) {
	rest, refused := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte("error "))
	if !refused {
		n, err := ParseAck(line)
		return Reply{Ack: n}, err
	}
	f := strings.SplitN(string(rest), " ", 3)
	if len(line) > MaxReply || len(f) != 3 || !isCode(f[0]) || !utf8.ValidString(f[2]) {
		return Reply{}, errs.E(errs.BadRequest, "not a reply of a log server: %.40q", line)
	}
	n, err := strconv.ParseUint(f[1], 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != f[1] {
		return Reply{}, errs.E(errs.BadRequest, "not a reply of a log server: %.40q", line)
	}
	return Reply{Code: errs.Code(f[0]), Line: n, Text: f[2]}, nil
}

// isCode tells whether s is made as error codes are.
func isCode(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}
