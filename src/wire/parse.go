package wire

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"chatlab/src/errs"
)

// ParseHello reads the first line of a session: a token alone, or a JSON
// object. The token is not verified. Fails with bad_token (no token could look
// so), bad_utf8 and bad_request.
func ParseHello(line []byte) (Hello, error) {
	var h Hello
	line = trimSpace(line)
	if len(line) == 0 || line[0] != '{' {
		if !ValidToken(string(line)) {
			return h, errs.E(errs.BadToken, "the first line is an access token, or a JSON object that holds one")
		}
		return Hello{Token: string(line), Plain: true, Room: Lobby}, nil
	}
	err := parseObject(line, func(key string, v value) error {
		switch key {
		case "token":
			return v.text(&h.Token)
		case "room":
			return v.text(&h.Room)
		case "resume":
			n, err := v.number()
			h.Resume = &n
			return err
		case "epoch":
			return v.text(&h.Epoch)
		}
		return errUnknownKey(key)
	})
	if err != nil {
		return Hello{}, err
	}
	if !ValidToken(h.Token) {
		return Hello{}, errs.E(errs.BadToken, "the token is missing or no token")
	}
	h.Room, err = ParseRoom(h.Room)
	return h, err
}

// ValidToken tells whether a string could be a JWT: base64url and dots.
func ValidToken(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '-' && s[i] != '_' && s[i] != '.' {
			return false
		}
	}
	return s != ""
}

// ParseLine reads a line of a client in JSON mode: text, cleaned, with or
// without an id, or a command. Fails with bad_utf8 and bad_request; the ID is
// set then, too, where it could be read.
func ParseLine(line []byte) (Line, error) {
	var l Line
	var text, id, cmd bool
	err := parseObject(trimSpace(line), func(key string, v value) error {
		switch key {
		case "id":
			id = true
			return v.text(&l.ID)
		case "text":
			text = true
			return v.text(&l.Text)
		case "cmd":
			cmd = true
			return v.text(&l.Cmd)
		}
		return errUnknownKey(key)
	})
	switch {
	case id && !ValidID(l.ID):
		l.ID = ""
		if err == nil {
			err = errs.E(errs.BadRequest, "an id is 1 to %d printable ASCII characters", MaxID)
		}
	case err == nil && text == cmd:
		err = errs.E(errs.BadRequest, "a line has text or cmd")
	case err == nil && cmd && id:
		err = errs.E(errs.BadRequest, "a cmd has no id")
	}
	if err != nil {
		return Line{ID: l.ID}, err
	}
	if l.Text, err = CleanText(l.Text); err == nil && text && l.Text == "" {
		err = errs.E(errs.BadRequest, "the text is empty")
	}
	return l, err
}

// ParsePlain reads a line of a client in plain mode: text, cleaned, or a
// command. Both are empty for a line with nothing in it. Fails with bad_utf8.
func ParsePlain(line []byte) (Line, error) {
	text, err := CleanText(string(line))
	if err != nil || text == "" {
		return Line{}, err
	}
	if strings.HasPrefix(text, "//") {
		return Line{Text: text[1:]}, nil
	}
	if text[0] == '/' {
		return Line{Cmd: text}, nil
	}
	return Line{Text: text}, nil
}

// Command is a command taken apart: "/join dev" has Name join and Arg dev.
type Command struct{ Name, Arg string }

// ParseCommand takes a command apart. Fails with bad_request for one that does
// not begin with a slash, or is none of the protocol's; whether the argument
// makes sense is not looked at.
func ParseCommand(s string) (Command, error) {
	name, arg, _ := strings.Cut(strings.TrimSpace(s), " ")
	c := Command{strings.ToLower(strings.TrimPrefix(name, "/")), strings.TrimSpace(arg)}
	if strings.HasPrefix(name, "/") && slices.Contains(commands, c.Name) {
		return c, nil
	}
	if near := errs.Nearest(c.Name, commands); near != "" {
		return Command{}, errs.E(errs.BadRequest, "unknown command, did you mean /%s?", near)
	}
	return Command{}, errs.E(errs.BadRequest, "unknown command, /help lists them all; a line of text begins with //, not /")
}

var commands = []string{"join", "who", "history", "token", "help", "quit"}

// HistoryCount returns how many lines "/history ARG" asks for: 20 for "". Fails with
// bad_request, also for more than MaxHistory.
func HistoryCount(arg string) (int, error) {
	if arg == "" {
		return 20, nil
	}
	n, err := strconv.ParseUint(arg, 10, 31)
	if err != nil || n == 0 || n > MaxHistory {
		return 0, errs.E(errs.BadRequest, "/history takes a number from 1 to %d", MaxHistory)
	}
	return int(n), nil
}

// Decode reads a line of the server, for a client in JSON mode. It takes a
// refusal in plain form too, which comes before the server knows the mode. Keys
// that it does not know are left out, since a newer server may send them. Fails
// with bad_request.
func Decode(line []byte) (Incoming, error) {
	var in Incoming
	if rest, plain := strings.CutPrefix(string(trimSpace(line)), "error: "); plain {
		code, text, _ := strings.Cut(rest, ": ")
		in.Refusal = &Refusal{Code: code, Text: text}
		return in, nil
	}
	// Nearly all lines are messages: these are read in one pass.
	if bytes.HasPrefix(line, messageStart) {
		one, err := decode[struct {
			Message
			kinds
		}](line)
		if err != nil {
			return in, err
		}
		if one.kinds == (kinds{}) {
			in.Message = &one.Message
			return in, nil
		}
	}
	kind, err := decode[struct {
		kinds
		Seq *uint64
	}](line)
	if err != nil {
		return in, err
	}
	switch {
	case kind.Error != nil:
		in.Refusal, err = decode[Refusal](line)
	case kind.Reply != nil:
		in.Reply, err = decode[Reply](line)
	case kind.Stored != nil:
		in.Stored, err = decode[Stored](line)
	case kind.OK != nil:
		in.Welcome, err = decode[Welcome](line)
	case kind.Seq != nil:
		in.Message, err = decode[Message](line)
	default:
		err = errs.E(errs.BadRequest, "the server's line is of no known kind")
	}
	return in, err
}

// messageStart is how the server's messages begin.
var messageStart = []byte(`{"seq":`)

// kinds are the keys that tell a line's kind: a message has none of them.
type kinds struct {
	OK     *bool
	Stored *string
	Reply  *string
	Error  *string
}

func decode[T any](line []byte) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(line, v); err != nil {
		return nil, errs.Wrap(err, errs.BadRequest, "the server's line is not JSON of the protocol")
	}
	return v, nil
}

// NoEpochs returns whether a refusal is the answer of a server of an earlier version to
// a hello with an epoch. The client then says hello again without it.
func NoEpochs(r Refusal) bool {
	return r.Code == string(errs.BadRequest) && r.Text == `unknown key "epoch"`
}

func errUnknownKey(key string) error {
	if !utf8.ValidString(key) || len(key) > MaxName {
		key = "…"
	}
	return errs.E(errs.BadRequest, "unknown key %q", key)
}

func trimSpace(line []byte) []byte { return bytes.Trim(line, " \t\r") }
