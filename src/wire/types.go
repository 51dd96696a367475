package wire

import "time"

// Limits of the protocol, in bytes without LF unless said otherwise.
const (
	MaxLine       = 4096     // a client's line
	MaxServerLine = 32 << 10 // a server's line
	MaxID         = 64       // a client's id of a line
	MaxName       = 32       // a room's or a user's name
	MaxHistory    = 100      // lines that /history gives at the most
	MaxWho        = 100      // names that /who gives at the most
	Lobby         = "lobby"  // the room in which everyone starts
	timeLayout    = "2006-01-02T15:04:05.000Z07:00"
)

// Hello is the first line of a session in JSON mode, or what a plain token
// says of it.
type Hello struct {
	Token  string  `json:"token"`
	Room   string  `json:"room,omitempty"`   // "" is the lobby
	Resume *uint64 `json:"resume,omitempty"` // last seq seen; nil: from now on
	Epoch  string  `json:"epoch,omitempty"`  // of Resume; "" from clients of earlier versions
	Plain  bool    `json:"-"`                // the line was a token alone
}

// Welcome answers a Hello: the session shows every line of the room after Seq.
type Welcome struct {
	OK          bool   `json:"ok"`
	User        string `json:"user"`
	Room        string `json:"room"`
	Seq         uint64 `json:"seq"`
	Epoch       string `json:"epoch,omitempty"`        // of Seq; "" from servers of earlier versions
	HistoryLost bool   `json:"history_lost,omitempty"` // the hello's epoch is unknown: Seq is before the first line
}

// Message is one stored line of a room.
type Message struct {
	Seq  uint64    `json:"seq"`  // number in the log
	Time time.Time `json:"time"` // when it was stored; milliseconds on the wire
	Room string    `json:"room"`
	User string    `json:"user"`
	Text string    `json:"text"`
	ID   string    `json:"id,omitempty"` // as the sender chose it
}

// Line is what a client sends after its hello: text with an id, or a command.
type Line struct {
	ID   string `json:"id,omitempty"`
	Text string `json:"text,omitempty"`
	Cmd  string `json:"cmd,omitempty"` // with its slash: "/join dev"
}

// Stored answers a repeat: the line is in the log already, under Seq.
type Stored struct {
	ID  string `json:"stored"`
	Seq uint64 `json:"seq"`
}

// Reply answers a command. Reply is its name: join (Room, Seq as in Welcome),
// who (Room, Users sorted, Count of all), history (a line for each Message, at
// last one with Room and Count and without Message), token (Expires), help
// (Text, lines split by LF), quit.
type Reply struct {
	Reply   string     `json:"reply"`
	Room    string     `json:"room,omitempty"`
	Seq     uint64     `json:"seq,omitempty"`
	Users   []string   `json:"users,omitempty"`
	Count   int        `json:"count,omitempty"`
	Message *Message   `json:"message,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
	Text    string     `json:"text,omitempty"`
}

// Refusal says why a line, or the session, is refused. Code is one of errs.
type Refusal struct {
	Code    string `json:"error"`
	Text    string `json:"text"`
	ID      string `json:"id,omitempty"`       // of the refused line, where it had one
	RetryMS int64  `json:"retry_ms,omitempty"` // when it makes sense to try again
}

// Incoming is one line of the server: exactly one of its fields is not nil.
type Incoming struct {
	Welcome *Welcome
	Message *Message
	Stored  *Stored
	Reply   *Reply
	Refusal *Refusal
}
