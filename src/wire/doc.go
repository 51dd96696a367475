// Package wire is the chat protocol: its lines, their limits and their codec.
// It imports the standard library and errs only, and does no I/O of its own but
// [Reader].
//
// # The protocol
//
// TCP, UTF-8, lines that end in LF (a CR before it is dropped). A line from a
// client is at most [MaxLine] bytes, a line from the server at most
// [MaxServerLine], both without LF.
//
// The first line decides the mode. The server waits ten seconds for it.
//
// # Plain mode: for a person with nc
//
// The first line is the access token alone. The server answers
//
//	connected.
//
// and then shows each line of the room, one's own included, as
//
//	user : text
//
// Every line that is sent is said in the room, but
//
//	/join ROOM     go to another room (everyone starts in lobby)
//	/who           who is in the room
//	/history [N]   the last N lines of the room, 20 unless told, at most 100
//	/token JWT     a newer access token of the same user: the session goes on with it
//	/help          this list
//	/quit          leave
//
// A line that begins with // is text: the first / is dropped. Answers to
// commands begin with "* ", refusals read "error: CODE: text".
//
// # JSON mode: for programs
//
// The first line is a JSON object, see [Hello]:
//
//	{"token":JWT,"room":"lobby","resume":SEQ,"epoch":"EPOCH"}
//
// room may be missing (lobby), and so may resume and epoch. The server answers with a
// [Welcome]:
//
//	{"ok":true,"user":"kim","room":"lobby","seq":SEQ,"epoch":"EPOCH"}
//
// The session shows every line of the room whose number is greater than that
// seq, once, in order: first what the log already holds, then live. Without
// resume, seq is the last number that the log had given. With it, seq is the
// resume of the hello, unless the log no longer goes back so far (seq is greater:
// lines are gone), or never went so far (seq is smaller: another log). A client
// that reconnects gives as resume the last seq that it was given, in whatever
// line, and as epoch that of its last welcome. Numbers belong to the log, not to the
// room: they grow, with gaps.
//
// A log that may have lost lines gives their numbers to other lines, in a new epoch. The
// epoch of the hello tells the server which lines the client means: the session then
// begins no later than where that epoch ended. To an epoch that the log does not know
// the welcome says history_lost, and the session shows the room from the beginning:
//
//	{"ok":true,"user":"kim","room":"lobby","seq":0,"epoch":"EPOCH","history_lost":true}
//
// Servers of earlier versions name no epoch, and refuse a hello with one: bad_request,
// unknown key "epoch". The client then connects again and says hello without it.
//
// Then the client sends a [Line] each, of two shapes:
//
//	{"id":"chosen by the client","text":"what is said"}
//	{"cmd":"/join dev"}
//
// id is up to [MaxID] printable ASCII characters and may be missing. cmd is a
// command as in the plain mode. text is text, whatever it begins with.
//
// And the server sends objects that are told apart by their first key:
//
//	{"seq":7,"time":"2006-01-02T15:04:05.000Z","room":"lobby","user":"kim","text":"hi","id":"…"}   [Message]
//	{"stored":"ID","seq":7}                           [Stored]: a repeat, it is line 7 already
//	{"reply":"join","room":"dev","seq":9}             [Reply] to a command
//	{"error":"rate_limited","text":"…","id":"…"}      [Refusal]
//
// The message with one's own user and id is the receipt: the line is stored. A
// client that reconnects resends lines without a receipt, with the same ids. The
// log drops a repeat within ten minutes and the server answers it with Stored.
//
// Unknown or repeated keys, values of another type and anything after the
// object are refused with bad_request.
//
// # Text
//
// Invalid UTF-8 is refused (bad_utf8). Tabs, line breaks (also U+0085, U+2028,
// U+2029) become a space. All other control characters (C0, DEL, C1) are
// removed, and so are the characters that turn the direction of what follows
// (U+202A to U+202E, U+2066 to U+2069): a terminal escape loses its ESC. A line
// with nothing left is dropped in plain mode and bad_request in JSON mode.
//
// # Refusals
//
// A refusal has the form of the mode; before the first line was read, the plain
// one. [Decode] takes both.
//
// Fatal ones close the connection:
//
//	bad_token      the first line, or /token, holds no valid token (of this user)
//	token_expired  the session's token has ended and no newer one came
//	timeout        no first line within ten seconds, or half a line and silence
//	slow_consumer  the client reads so slowly that it is 1 MiB behind
//	shutdown       the server stops: connect again, to any address
//	unavailable    on the first line: the log is away; also when it stays away
//	rate_limited   on the first line: too many connections from this address
//	too_long       on the first line
//	bad_request    on the first line
//	bad_utf8       on the first line
//
// The others refuse one line, and the session goes on:
//
//	too_long       the line has over 4096 bytes; its rest is dropped up to LF
//	rate_limited   too many lines; retry_ms says when the next will be taken
//	bad_utf8       the line is not UTF-8
//	bad_request    not the JSON of the protocol, an unknown command, a bad room or id
//	unavailable    the line was not stored; send it again later
//
// Only the first line, /token, expiry, silence, slowness and shutdown are thus
// fatal; [Refusal] does not say it, the connection's end does.
package wire
