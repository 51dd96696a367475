package wire

import (
	"encoding/json"
	"strconv"

	"chatlab/src/errs"
)

// Connected is the plain mode's answer to a good token.
const Connected = "connected.\n"

// AppendMessage appends a message in JSON mode, with LF. It is the fan-out's
// hot path: no reflection, and no allocation where dst has room.
func AppendMessage(dst []byte, m Message) []byte {
	return append(appendMessage(dst, m), '\n')
}

func appendMessage(dst []byte, m Message) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, m.Seq, 10)
	dst = append(dst, `,"time":"`...)
	dst = m.Time.UTC().AppendFormat(dst, timeLayout)
	dst = append(dst, `","room":`...)
	dst = appendString(dst, m.Room)
	dst = append(dst, `,"user":`...)
	dst = appendString(dst, m.User)
	dst = append(dst, `,"text":`...)
	dst = appendString(dst, m.Text)
	if m.ID != "" {
		dst = append(dst, `,"id":`...)
		dst = appendString(dst, m.ID)
	}
	return append(dst, '}')
}

// AppendPlain appends a message in plain mode: "user : text" and LF.
func AppendPlain(dst []byte, m Message) []byte {
	dst = append(dst, m.User...)
	dst = append(dst, " : "...)
	dst = append(dst, m.Text...)
	return append(dst, '\n')
}

// AppendLine appends a client's line, with LF.
func AppendLine(dst []byte, l Line) []byte {
	dst = append(dst, '{')
	switch {
	case l.Cmd != "":
		dst = appendString(append(dst, `"cmd":`...), l.Cmd)
	case l.ID != "":
		dst = appendString(append(dst, `"id":`...), l.ID)
		dst = appendString(append(dst, `,"text":`...), l.Text)
	default:
		dst = appendString(append(dst, `"text":`...), l.Text)
	}
	return append(dst, '}', '\n')
}

// AppendWelcome appends a Welcome, with LF. Every connection gets one, so it
// is made without reflection too.
func AppendWelcome(dst []byte, w Welcome) []byte {
	dst = append(dst, `{"ok":`...)
	dst = strconv.AppendBool(dst, w.OK)
	dst = append(dst, `,"user":`...)
	dst = appendString(dst, w.User)
	dst = append(dst, `,"room":`...)
	dst = appendString(dst, w.Room)
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendUint(dst, w.Seq, 10)
	if w.Epoch != "" {
		dst = appendString(append(dst, `,"epoch":`...), w.Epoch)
	}
	if w.HistoryLost {
		dst = append(dst, `,"history_lost":true`...)
	}
	return append(dst, '}', '\n')
}

// AppendJSON appends one of the rare lines, a Hello, Stored, Reply or Refusal,
// with LF.
func AppendJSON(dst []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("wire: " + err.Error()) // the types above cannot fail
	}
	return append(append(dst, text...), '\n')
}

// NewRefusal makes what a peer is told of an error.
func NewRefusal(err error, id string) Refusal {
	return Refusal{
		Code: string(errs.CodeOf(err)), Text: errs.Public(err), ID: id,
		RetryMS: errs.RetryAfterOf(err).Milliseconds(),
	}
}

// AppendPlainRefusal appends "error: CODE: text" and LF.
func AppendPlainRefusal(dst []byte, r Refusal) []byte {
	dst = append(append(dst, "error: "...), r.Code...)
	return append(append(append(dst, ": "...), r.Text...), '\n')
}

// appendString appends a JSON string. Text that came through CleanText needs
// only quotes and backslashes escaped; controls are escaped all the same.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	done := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[done:i]...)
		if c < 0x20 {
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, '\\', c)
		}
		done = i + 1
	}
	dst = append(dst, s[done:]...)
	return append(dst, '"')
}
