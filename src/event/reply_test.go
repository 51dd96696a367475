package event_test

import (
	"math"
	"strings"
	"testing"

	"chatlab/src/errs"
	"chatlab/src/event"
)

func TestReplies(t *testing.T) {
	tests := map[string]struct {
		reply event.Reply
		line  string
	}{
		"greeting":   {event.Reply{}, "ack 0\n"},
		"ack":        {event.Reply{Ack: math.MaxUint64}, "ack 18446744073709551615\n"},
		"bad event":  {event.Reply{Code: errs.BadEvent, Line: 17, Text: "event: no: really"}, "error bad_event 17 event: no: really\n"},
		"other":      {event.Reply{Code: errs.Unavailable, Text: "too many"}, "error unavailable 0 too many\n"},
		"empty text": {event.Reply{Code: errs.Shutdown}, "error shutdown 0 \n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := string(event.AppendReply(nil, tt.reply)); got != tt.line {
				t.Fatalf("line %q, want %q", got, tt.line)
			}
			got, err := event.ParseReply([]byte(tt.line))
			if err != nil || got != tt.reply {
				t.Fatalf("parsed %+v, %v, want %+v", got, err, tt.reply)
			}
		})
	}
}

func TestReplyTextStaysInItsLine(t *testing.T) {
	line := event.AppendReply(nil, event.Reply{Code: errs.BadEvent, Line: 1, Text: "a\nb\r\x1b[2J" + strings.Repeat("é", event.MaxReply)})
	if len(line) > event.MaxReply || strings.ContainsAny(string(line[:len(line)-1]), "\n\r\x1b") {
		t.Fatalf("line of %d bytes: %q", len(line), line)
	}
	if _, err := event.ParseReply(line); err != nil {
		t.Fatal(err)
	}
}

func TestBadReplies(t *testing.T) {
	for _, line := range []string{
		"", "\n", "ack", "ack ", "ack -1", "ack +1", "ack 01", "ack 1 ", "ack  1", "Ack 1", "ack 18446744073709551616", "ack 0x1", "ack 1\r\n", "nack 1",
		"error", "error bad_event", "error bad_event 1", "error bad_event x text", "error bad_event -1 text", "error Bad 1 text", "error  1 text",
		"error bad_event 01 text", "error bad_event 1 \xff", "error bad_event 1 " + strings.Repeat("x", event.MaxReply),
	} {
		if got, err := event.ParseReply([]byte(line)); !errs.Is(err, errs.BadRequest) {
			t.Errorf("%q gives %+v, %v, want code bad_request", line, got, err)
		}
	}
}

func FuzzAck(f *testing.F) {
	for _, s := range []string{"ack 0\n", "ack 18446744073709551615", "ack 01", "ack -1", "error x 1 y"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		n, err := event.ParseAck(line)
		if err != nil {
			return
		}
		if got := string(event.AppendAck(nil, n)); got != strings.TrimSuffix(string(line), "\n")+"\n" {
			t.Fatalf("%q taken for %q", line, got)
		}
	})
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{"ack 7\n", "error bad_event 17 event: line\n", "error unavailable 0 \n", "error a 1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := event.ParseReply(line)
		if err != nil {
			if !errs.Is(err, errs.BadRequest) {
				t.Fatal(err)
			}
			return
		}
		if again, err := event.ParseReply(event.AppendReply(nil, r)); err != nil || again.Code != r.Code || again.Line != r.Line || again.Ack != r.Ack {
			t.Fatalf("%q gives %+v, then %+v, %v", line, r, again, err)
		}
	})
}
