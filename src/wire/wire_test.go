package wire_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

func seq(n uint64) *uint64 { return &n }

func TestParseHello(t *testing.T) {
	tests := map[string]struct {
		line string
		want wire.Hello
		code errs.Code
	}{
		"token":            {"a.b-C_9.d", wire.Hello{Token: "a.b-C_9.d", Room: "lobby", Plain: true}, ""},
		"token, spaces":    {" a.b.c \r", wire.Hello{Token: "a.b.c", Room: "lobby", Plain: true}, ""},
		"object":           {`{"token":"a.b.c"}`, wire.Hello{Token: "a.b.c", Room: "lobby"}, ""},
		"all keys":         {` { "resume" : 7 , "room":"Dev","token":"a" } `, wire.Hello{Token: "a", Room: "dev", Resume: seq(7)}, ""},
		"an epoch":         {`{"token":"a","resume":7,"epoch":"E\"1"}`, wire.Hello{Token: "a", Room: "lobby", Resume: seq(7), Epoch: `E"1`}, ""},
		"epoch a number":   {`{"token":"a","epoch":1}`, wire.Hello{}, errs.BadRequest},
		"resume 0":         {`{"token":"a","resume":0}`, wire.Hello{Token: "a", Room: "lobby", Resume: seq(0)}, ""},
		"escaped":          {`{"\u0074oken":"\u0061"}`, wire.Hello{Token: "a", Room: "lobby"}, ""},
		"empty":            {"", wire.Hello{}, errs.BadToken},
		"words":            {"a b", wire.Hello{}, errs.BadToken},
		"no token":         {`{}`, wire.Hello{}, errs.BadToken},
		"token of spaces":  {`{"token":" "}`, wire.Hello{}, errs.BadToken},
		"case of key":      {`{"Token":"a"}`, wire.Hello{}, errs.BadRequest},
		"unknown key":      {`{"token":"a","x":1}`, wire.Hello{}, errs.BadRequest},
		"key twice":        {`{"token":"a","token":"b"}`, wire.Hello{}, errs.BadRequest},
		"null":             {`{"token":null}`, wire.Hello{}, errs.BadRequest},
		"array":            {`{"token":["a"]}`, wire.Hello{}, errs.BadRequest},
		"resume negative":  {`{"token":"a","resume":-1}`, wire.Hello{}, errs.BadRequest},
		"resume fraction":  {`{"token":"a","resume":1.5}`, wire.Hello{}, errs.BadRequest},
		"resume text":      {`{"token":"a","resume":"1"}`, wire.Hello{}, errs.BadRequest},
		"resume 65 bits":   {`{"token":"a","resume":18446744073709551616}`, wire.Hello{}, errs.BadRequest},
		"resume octal":     {`{"token":"a","resume":07}`, wire.Hello{}, errs.BadRequest},
		"room of dots":     {`{"token":"a","room":"a.b"}`, wire.Hello{}, errs.BadRequest},
		"trailing comma":   {`{"token":"a",}`, wire.Hello{}, errs.BadRequest},
		"something after":  {`{"token":"a"}{}`, wire.Hello{}, errs.BadRequest},
		"not closed":       {`{"token":"a"`, wire.Hello{}, errs.BadRequest},
		"string open":      {`{"token":"a`, wire.Hello{}, errs.BadRequest},
		"escape at end":    {`{"token":"a\`, wire.Hello{}, errs.BadRequest},
		"not UTF-8":        {"{\"token\":\"\xc3\"}", wire.Hello{}, errs.BadUTF8},
		"control in value": {"{\"token\":\"a\x01\"}", wire.Hello{}, errs.BadRequest},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := wire.ParseHello([]byte(tt.line))
			if errs.CodeOf(err) != tt.code {
				t.Fatalf("err = %v, want code %q", err, tt.code)
			}
			if err == nil && !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestParseLine(t *testing.T) {
	tests := map[string]struct {
		line string
		want wire.Line
		code errs.Code
	}{
		"text":               {`{"text":"hi"}`, wire.Line{Text: "hi"}, ""},
		"id":                 {`{"id":"x-1","text":"hi"}`, wire.Line{ID: "x-1", Text: "hi"}, ""},
		"slash is text":      {`{"text":"/join dev"}`, wire.Line{Text: "/join dev"}, ""},
		"cmd":                {`{"cmd":"/join dev"}`, wire.Line{Cmd: "/join dev"}, ""},
		"escapes":            {`{"text":"\"\\\/\u00e9\ud83d\ude00"}`, wire.Line{Text: "\"\\/\u00e9\U0001f600"}, ""},
		"backslash u":        {`{"text":"\\ud800"}`, wire.Line{Text: `\ud800`}, ""},
		"terminal escape":    {`{"text":"\u001b[2Jx\ty"}`, wire.Line{Text: "[2Jx y"}, ""},
		"only controls":      {`{"id":"1","text":"\u0007"}`, wire.Line{ID: "1"}, errs.BadRequest},
		"half a pair":        {`{"id":"1","text":"\ud83d"}`, wire.Line{ID: "1"}, errs.BadUTF8},
		"pair the wrong way": {`{"text":"\ude00\ud83d"}`, wire.Line{}, errs.BadUTF8},
		"high and high":      {`{"text":"\ud83d\ud83d"}`, wire.Line{}, errs.BadUTF8},
		"bad escape":         {`{"text":"\x"}`, wire.Line{}, errs.BadRequest},
		"bad hex":            {`{"text":"\u00zz"}`, wire.Line{}, errs.BadRequest},
		"text and cmd":       {`{"text":"a","cmd":"/who"}`, wire.Line{}, errs.BadRequest},
		"neither":            {`{"id":"1"}`, wire.Line{ID: "1"}, errs.BadRequest},
		"id with space":      {`{"id":"a b","text":"x"}`, wire.Line{}, errs.BadRequest},
		"id too long":        {`{"id":"` + strings.Repeat("i", 65) + `","text":"x"}`, wire.Line{}, errs.BadRequest},
		"id of CR":           {`{"id":"a\r\nNats-Msg-Id: b","text":"x"}`, wire.Line{}, errs.BadRequest},
		"no object":          {`"text"`, wire.Line{}, errs.BadRequest},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := wire.ParseLine([]byte(tt.line))
			if errs.CodeOf(err) != tt.code || got != tt.want && err == nil || got.ID != tt.want.ID {
				t.Errorf("got %+v, %v; want %+v, %q", got, err, tt.want, tt.code)
			}
		})
	}
}

func TestParsePlain(t *testing.T) {
	for line, want := range map[string]wire.Line{
		"hi":         {Text: "hi"},
		"":           {},
		"  ":         {},
		"//who":      {Text: "/who"},
		"///":        {Text: "//"},
		"/who":       {Cmd: "/who"},
		" /who":      {Text: " /who"},
		"a\tb\x1bc ": {Text: "a bc"},
	} {
		if got, err := wire.ParsePlain([]byte(line)); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", line, got, err, want)
		}
	}
	if _, err := wire.ParsePlain([]byte("\xff")); !errs.Is(err, errs.BadUTF8) {
		t.Errorf("err = %v", err)
	}
}

func TestCleanTextTakesWhatCouldDeceive(t *testing.T) {
	for in, want := range map[string]string{
		"\x00\x07\x08\x1b\x7f\u0080\u009f": "",
		"a\n\r\t\v\fb":                     "a     b",
		"a\u0085b\u2028c\u2029d":           "a b c d",
		"\u202aa\u202bb\u202cc\u202dd\u202ee\u2066f\u2067g\u2068h\u2069i": "abcdefghi",
		"\u00a0é한\U0001f468\u200d\U0001f469":                              "\u00a0é한\U0001f468\u200d\U0001f469",
	} {
		if got, err := wire.CleanText(in); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{"dev": true, "a-b_9": true, "-a": false, "_a": false, "a.b": false, "a b": false,
		"한": false, "*": false, ">": false, strings.Repeat("a", 32): true, strings.Repeat("a", 33): false} {
		if _, err := wire.ParseRoom(name); (err == nil) != ok {
			t.Errorf("room %q: %v", name, err)
		}
	}
	for name, ok := range map[string]bool{"Kim.9": true, "kim_-": true, "": false, ".a": false, "a b": false, "a:b": false, "é": false} {
		if wire.ValidUser(name) != ok {
			t.Errorf("user %q: %v", name, !ok)
		}
	}
}

func TestCommands(t *testing.T) {
	if c, err := wire.ParseCommand(" /JOIN   dev "); err != nil || c != (wire.Command{Name: "join", Arg: "dev"}) {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []string{"", "/", "join", "/me waves", "//who"} {
		if c, err := wire.ParseCommand(bad); !errs.Is(err, errs.BadRequest) {
			t.Errorf("%q: %+v, %v", bad, c, err)
		}
	}
	if _, err := wire.ParseCommand("/jion dev"); err == nil || !strings.Contains(err.Error(), "did you mean /join?") {
		t.Error(err)
	}
	for arg, want := range map[string]int{"": 20, "1": 1, "100": 100} {
		if n, err := wire.HistoryCount(arg); err != nil || n != want {
			t.Errorf("history %q: %d, %v", arg, n, err)
		}
	}
	for _, bad := range []string{"0", "-1", "x", "1 2", "101", "99999999999"} {
		if _, err := wire.HistoryCount(bad); !errs.Is(err, errs.BadRequest) {
			t.Errorf("history %q: %v", bad, err)
		}
	}
}

// TestEncodersGiveWhatEncodingJSONGives also shows that Decode reads it back.
func TestEncodersGiveWhatEncodingJSONGives(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 60e6, time.UTC)
	m := wire.Message{Seq: 7, Time: at, Room: "lobby", User: "kim", Text: `a "b" \ <c> 한 ` + "\x01", ID: "x-1"}
	line := wire.AppendMessage(nil, m)
	if want := `{"seq":7,"time":"2026-01-02T03:04:05.060Z","room":"lobby","user":"kim","text":"a \"b\" \\ <c> 한 \u0001","id":"x-1"}` + "\n"; string(line) != want {
		t.Errorf("got  %swant %s", line, want)
	}
	if in, err := wire.Decode(line); err != nil || in.Message == nil || *in.Message != m {
		t.Errorf("decoded %+v, %v", in.Message, err)
	}
	for _, welcome := range []wire.Welcome{
		{OK: true, User: "kim", Room: "lobby", Seq: 9},
		{OK: true, User: "kim", Room: "lobby", Seq: 9, Epoch: `E"1`, HistoryLost: true},
	} {
		got := wire.AppendWelcome(nil, welcome)
		if want := wire.AppendJSON(nil, welcome); string(got) != string(want) {
			t.Errorf("got %s, want %s", got, want)
		}
		if in, err := wire.Decode(got); err != nil || in.Welcome == nil || *in.Welcome != welcome {
			t.Errorf("decoded %+v, %v", in.Welcome, err)
		}
	}
	if got := wire.AppendPlain(nil, m); string(got) != "kim : "+m.Text+"\n" {
		t.Errorf("plain: %q", got)
	}
	r := wire.NewRefusal(errs.E(errs.RateLimited, "slower").WithRetry(1500*time.Millisecond), "x")
	if got := wire.AppendJSON(nil, r); string(got) != `{"error":"rate_limited","text":"slower","id":"x","retry_ms":1500}`+"\n" {
		t.Errorf("refusal: %s", got)
	}
	if got := wire.AppendPlainRefusal(nil, r); string(got) != "error: rate_limited: slower\n" {
		t.Errorf("refusal: %s", got)
	}
}

func TestARefusalOfAnEarlierVersionIsToldFromOthers(t *testing.T) {
	for line, want := range map[string]bool{
		`{"error":"bad_request","text":"unknown key \"epoch\""}`:  true,
		`{"error":"bad_request","text":"unknown key \"epochs\""}`: false,
		`{"error":"bad_token","text":"unknown key \"epoch\""}`:    false,
		`{"error":"bad_request","text":"a key stands twice"}`:     false,
	} {
		in, err := wire.Decode([]byte(line))
		if err != nil || wire.NoEpochs(*in.Refusal) != want {
			t.Errorf("%s: %+v, %v", line, in.Refusal, err)
		}
	}
}

func TestDecodeTellsTheKindsApart(t *testing.T) {
	for line, kind := range map[string]string{
		`{"ok":true,"seq":1,"user":"a","room":"b"}`:  "Welcome",
		`{"seq":1,"time":"2026-01-02T03:04:05.06Z"}`: "Message",
		`{"stored":"x","seq":1}`:                     "Stored",
		`{"reply":"join","seq":1}`:                   "Reply",
		`{"error":"shutdown","text":"x"}`:            "Refusal",
		`{"seq":1,"error":"shutdown","text":"x"}`:    "Refusal",
		`error: timeout: no line came in time`:       "Refusal",
	} {
		in, err := wire.Decode([]byte(line))
		if v := reflect.ValueOf(in); err != nil || v.FieldByName(kind).IsNil() {
			t.Errorf("%s: %+v, %v", line, in, err)
		}
	}
	for _, bad := range []string{"", "x", "{}", `{"seq":"x"}`, `{"seq":1,"time":"x"}`, "connected."} {
		if in, err := wire.Decode([]byte(bad)); !errs.Is(err, errs.BadRequest) {
			t.Errorf("%q: %+v, %v", bad, in, err)
		}
	}
}

func FuzzHello(f *testing.F) {
	for _, s := range []string{"a.b.c", `{"token":"a","room":"x","resume":1}`, `{"token":"\ud83d\ude00"}`, `{`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		h, err := wire.ParseHello(line)
		if err != nil {
			if c := errs.CodeOf(err); c != errs.BadToken && c != errs.BadRequest && c != errs.BadUTF8 {
				t.Fatalf("code %q", c)
			}
			return
		}
		if room, err := wire.ParseRoom(h.Room); err != nil || room != h.Room || !wire.ValidToken(h.Token) {
			t.Fatalf("took %+v", h)
		}
		if !h.Plain && !json.Valid(line) {
			t.Fatalf("took %q, which is no JSON", line)
		}
	})
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{`{"id":"1","text":"a"}`, `{"cmd":"/who"}`, `{"text":"\u001b[2J\ud83d\ude00"}`, `{"text":"\`, "// x", "\x1b[2J"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		for _, parse := range []func([]byte) (wire.Line, error){wire.ParseLine, wire.ParsePlain} {
			l, err := parse(line)
			if err != nil || l.Text == "" {
				continue
			}
			if clean, err := wire.CleanText(l.Text); err != nil || clean != l.Text || !utf8.ValidString(l.Text) {
				t.Fatalf("text %q is not clean", l.Text)
			}
			m := wire.Message{Seq: 1, Time: time.Unix(1, 0).UTC(), Room: "lobby", User: "kim", Text: l.Text, ID: l.ID}
			out := wire.AppendMessage(nil, m)
			if len(out) > wire.MaxServerLine && len(line) <= wire.MaxLine {
				t.Fatalf("a line of %d bytes gives one of %d", len(line), len(out))
			}
			if in, err := wire.Decode(out); err != nil || in.Message == nil || *in.Message != m {
				t.Fatalf("%s reads as %+v, %v", out, in.Message, err)
			}
			if back, err := wire.ParseLine(wire.AppendLine(nil, wire.Line{ID: l.ID, Text: l.Text})[:]); err != nil || back.Text != l.Text || back.ID != l.ID {
				t.Fatalf("line %+v comes back as %+v, %v", l, back, err)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"ok":true}`, `{"seq":1}`, `{"stored":"x"}`, `{"reply":"x"}`, `error: a: b`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		in, err := wire.Decode(line)
		set := 0
		for i := range reflect.TypeOf(in).NumField() {
			if !reflect.ValueOf(in).Field(i).IsNil() {
				set++
			}
		}
		if err == nil && set != 1 {
			t.Fatalf("%d kinds at once", set)
		}
	})
}
