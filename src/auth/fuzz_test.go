package auth

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"chatlab/src/errs"
)

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"id":"kim","passwd":"secret"}`, `{"id":"\ud83d\ude00"}`, `{"id":"\ud800"}`, `{"id":"\\ud800"}`, `{"id":"a","id":"b"}`,
		`{"id":1}`, `{"x":"y"}`, `{"id":"a"}{}`, `[]`, ``, "{\"id\":\"\xff\"}", `{"id":"\u0000"}`, ` { "id" : "" } `, `{"\u0069d":"kim"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decode(body, "id", "passwd")
		if err != nil {
			if code := errs.CodeOf(err); code != errs.Malformed && code != errs.UnknownField {
				t.Fatalf("code %q of %q", code, body)
			}
			if !utf8.ValidString(errs.Public(err)) || len(errs.Public(err)) > 300 {
				t.Fatalf("message %q", errs.Public(err))
			}
			return
		}
		// Every body that decode takes, the standard decoder takes too, and reads the same.
		var want map[string]string
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if len(got) != len(want) || got["id"] != want["id"] || got["passwd"] != want["passwd"] {
			t.Fatalf("%q: %q, want %q", body, got, want)
		}
		for _, value := range got {
			if !utf8.ValidString(value) || strings.ContainsRune(value, utf8.RuneError) && !mentions(body) {
				t.Fatalf("%q: a character was replaced: %q", body, value)
			}
		}
	})
}

// mentions tells whether a body spells U+FFFD itself.
func mentions(body []byte) bool {
	text := strings.ToLower(string(body))
	return strings.Contains(text, "\ufffd") || strings.Contains(text, `\ufffd`)
}

func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5")
	f.Add(Hash("secret", Params{MemoryKiB: 64, Passes: 1, Lanes: 1}))
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parsePHC(text)
		if err != nil {
			return
		}
		if again, err := parsePHC(h.String()); err != nil || again.String() != h.String() || again.params != h.params {
			t.Fatalf("%q: %+v, %v", text, again, err)
		}
	})
}
