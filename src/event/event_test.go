package event_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/event"
)

var (
	now = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	id  = mustID("65e0703f0102030405060708")
)

func mustID(s string) event.ID {
	id, ok := event.ParseID(s)
	if !ok {
		panic(s)
	}
	return id
}

func TestLines(t *testing.T) {
	const head = "1/65e0703f0102030405060708/"
	tests := map[string]struct {
		event event.Event
		line  string
	}{
		"plain":         {event.Event{ID: id, Server: "auth", Category: "signin", Subject: "kim", Data: "success"}, head + "auth/signin/kim/success\n"},
		"empty":         {event.Event{ID: id, Server: "a", Category: "b"}, head + "a/b//\n"},
		"slash in data": {event.Event{ID: id, Server: "chat", Category: "chat", Subject: "kim", Data: "/a//b/"}, head + "chat/chat/kim//a//b/\n"},
		"slash before":  {event.Event{ID: id, Server: "a/b", Category: "/", Subject: "//", Data: "x"}, head + "a%2Fb/%2F/%2F%2F/x\n"},
		"percent":       {event.Event{ID: id, Server: "%", Category: "%41", Subject: "100%", Data: "%2F%"}, head + "%25/%2541/100%25/%252F%25\n"},
		"line ends":     {event.Event{ID: id, Server: "a\n", Category: "\rb", Subject: "\r\n", Data: "a\nb\rc\r\n"}, head + "a%0A/%0Db/%0D%0A/a%0Ab%0Dc%0D%0A\n"},
		"controls":      {event.Event{ID: id, Server: "\x00", Category: "\x1b[2J", Subject: "\x7f", Data: "\x00\t"}, head + "\x00/\x1b[2J/\x7f/\x00\t\n"},
		"unicode":       {event.Event{ID: id, Server: "é", Category: "名前", Subject: "👍🏽", Data: "\u2028"}, head + "é/名前/👍🏽/\u2028\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			line := event.Append([]byte("before"), tt.event)
			if string(line) != "before"+tt.line {
				t.Fatalf("line %q, want %q", line, tt.line)
			}
			for _, text := range []string{tt.line, strings.TrimSuffix(tt.line, "\n")} {
				got, err := event.Parse([]byte(text), now)
				if err != nil || got != tt.event {
					t.Fatalf("parsed %+v, %v, want %+v", got, err, tt.event)
				}
			}
		})
	}
}

func TestParseTakesOtherSpellings(t *testing.T) {
	tests := map[string]struct{ line, server, category, subject, data string }{
		"the specification's":       {"0/auth/signin/kim/success\n", "auth", "signin", "kim", "success"},
		"0: slashes in the data":    {"0/chat/chat/kim/a/b//c\n", "chat", "chat", "kim", "a/b//c"},
		"0: no escapes":             {"0/chat/chat/kim/100% %2F\n", "chat", "chat", "kim", "100% %2F"},
		"0: CR LF":                  {"0/auth/signin/kim/success\r\n", "auth", "signin", "kim", "success"},
		"0: empty id and data":      {"0/auth/signin//\n", "auth", "signin", "", ""},
		"1: upper-case ObjectID":    {"1/65E0703F0102030405060708/a/b/c/d\n", "a", "b", "c", "d"},
		"1: lower-case escapes":     {"1/65e0703f0102030405060708/a%2fb/%0a/c/%0d\n", "a/b", "\n", "c", "\r"},
		"1: escapes nobody needs":   {"1/65e0703f0102030405060708/%61/b/c/%64%00\n", "a", "b", "c", "d\x00"},
		"1: UTF-8 by its bytes":     {"1/65e0703f0102030405060708/a/b/c/%C3%A9\n", "a", "b", "c", "é"},
		"1: raw slash, last field":  {"1/65e0703f0102030405060708/a/b/c//\n", "a", "b", "c", "/"},
		"1: half an escape, in two": {"1/65e0703f0102030405060708/a/b/%25/41\n", "a", "b", "%", "41"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := event.Parse([]byte(tt.line), now)
			if err != nil {
				t.Fatal(err)
			}
			want := event.Event{ID: got.ID, Server: tt.server, Category: tt.category, Subject: tt.subject, Data: tt.data}
			if got != want {
				t.Fatalf("parsed %+v, want %+v", got, want)
			}
			if tt.line[0] == '0' && (!got.Time().Equal(now) || got.ID.IsZero()) {
				t.Fatalf("ID %s is not of %s", got.ID, now)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	const head = "1/65e0703f0102030405060708/"
	tests := map[string]string{
		"nothing":              "",
		"an empty line":        "\n",
		"no version":           "auth/signin/kim/success",
		"another version":      "2/65e0703f0102030405060708/a/b/c/d",
		"version 10":           "10/65e0703f0102030405060708/a/b/c/d",
		"0: a field short":     "0/auth/signin/kim",
		"0: no server":         "0//signin/kim/success",
		"0: no category":       "0/auth//kim/success",
		"0: bad UTF-8":         "0/auth/signin/kim/\xff",
		"0: two lines":         "0/auth/signin/kim/a\nb\n",
		"1: a field short":     head + "a/b/c",
		"1: ObjectID short":    "1/65e0703f01020304050607/a/b/c/d",
		"1: ObjectID long":     "1/65e0703f010203040506070809/a/b/c/d",
		"1: ObjectID not hex":  "1/65e0703f010203040506070g/a/b/c/d",
		"1: ObjectID of zeros": "1/000000000000000000000000/a/b/c/d",
		"1: no server":         head + "/b/c/d",
		"1: no category":       head + "a//c/d",
		"1: escape cut":        head + "a/b/c/%2",
		"1: escape cut early":  head + "a/b/c/%",
		"1: escape not hex":    head + "a/b/c/%zz",
		"1: escape over slash": head + "a/b/%2/Fd",
		"1: raw CR":            head + "a/b/c/d\r\n",
		"1: bad UTF-8":         head + "a/b/c/\xc3",
		"1: escaped bad UTF-8": head + "a/b/c/%FF",
		"1: surrogate":         head + "a/b/c/%ED%A0%80",
		"too long":             head + "a/b/c/" + strings.Repeat("x", event.MaxLine),
	}
	for name, line := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := event.Parse([]byte(line), now)
			if !errs.Is(err, errs.BadEvent) {
				t.Fatalf("parsed %+v, error %v, want code bad_event", e, err)
			}
			if len(err.Error()) > 200 {
				t.Fatalf("the error quotes the line: %.100s…", err)
			}
		})
	}
}

func TestLongestLine(t *testing.T) {
	e := event.Event{ID: id, Server: "a", Category: "b", Subject: "c"}
	e.Data = strings.Repeat("x", event.MaxLine-len(event.Append(nil, e)))
	line := event.Append(nil, e)
	if got, err := event.Parse(line, now); err != nil || got != e {
		t.Fatalf("%d bytes: %v", len(line), err)
	}
	e.Data += "x"
	if _, err := event.Parse(event.Append(nil, e), now); !errs.Is(err, errs.BadEvent) {
		t.Fatalf("one byte more: %v, want code bad_event", err)
	}
}

func TestEveryByteInEveryField(t *testing.T) {
	for c := range 256 {
		for field := range 4 {
			e := event.Event{ID: id, Server: "s", Category: "c", Subject: "i", Data: "d"}
			for i, to := range []*string{&e.Server, &e.Category, &e.Subject, &e.Data} {
				if i == field {
					*to = "a" + string([]byte{byte(c)}) + "b"
				}
			}
			line := event.Append(nil, e)
			if bytes.Count(line, []byte("\n")) != 1 || line[len(line)-1] != '\n' {
				t.Fatalf("byte %#02x: more than one line: %q", c, line)
			}
			got, err := event.Parse(line, now)
			switch {
			case c < 0x80 && (err != nil || got != e):
				t.Errorf("byte %#02x in field %d: %+v, %v", c, field, got, err)
			case c >= 0x80 && !errs.Is(err, errs.BadEvent):
				t.Errorf("byte %#02x in field %d: %v, want code bad_event", c, field, err)
			}
		}
	}
}

func TestNoPartOfALineIsTheWholeEvent(t *testing.T) {
	e := event.Event{ID: id, Server: "chat", Category: "chat", Subject: "kim", Data: "100%/\n"}
	line := event.Append(nil, e)
	for i := range len(line) - 1 {
		if got, err := event.Parse(line[:i], now); err == nil && got == e {
			t.Errorf("the first %d of %d bytes give the whole event", i, len(line))
		}
		if i > 0 {
			if got, err := event.Parse(line[i:], now); err == nil {
				t.Errorf("the line from byte %d on gives an event: %+v", i, got)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"0/auth/signin/kim/success\n", "1/65e0703f0102030405060708/a%2Fb/c/d/e%0A\n", "1/%/", "0////", "1/65e0703f0102030405060708/////\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := event.Parse(line, now)
		if err != nil {
			if !errs.Is(err, errs.BadEvent) {
				t.Fatalf("error %v without code bad_event", err)
			}
			return
		}
		again := event.Append(nil, e)
		if len(again) > event.MaxLine {
			return // a 0/ line grew by its escapes: whoever spools it refuses it
		}
		if got, err := event.Parse(again, now); err != nil || got != e {
			t.Fatalf("%q gives %+v, whose line %q gives %+v, %v", line, e, again, got, err)
		}
	})
}

func FuzzAppend(f *testing.F) {
	f.Add("auth", "signin", "kim", "success")
	f.Add("/%\r\n", "\x00", "é", "%0A")
	f.Fuzz(func(t *testing.T, server, category, subject, data string) {
		e := event.Event{ID: id, Server: server, Category: category, Subject: subject, Data: data}
		got, err := event.Parse(event.Append(nil, e), now)
		if err == nil && got != e {
			t.Fatalf("%+v became %+v", e, got)
		}
		if err != nil && !errs.Is(err, errs.BadEvent) {
			t.Fatal(err)
		}
	})
}
