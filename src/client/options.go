package client

import (
	"context"
	"crypto/x509"
	"net"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// Options say how to chat. Addresses and Token are needed; zero values of the
// others are the defaults told at each.
type Options struct {
	Addresses []string       // host:port of the chat servers, or tls://host:port, tried in order, in a circle
	Roots     *x509.CertPool // of the servers with TLS; nil: the system's
	Token     string         // access token
	Room      string         // "" is the lobby
	Resume    *Place         // show the lines after this place; nil: from now on

	// Refresh gives a new token for a valid one, well before it ends: see
	// [Auth.Refresh]. Nil: the chat ends with its token, unless Login is there.
	Refresh func(ctx context.Context, token string) (string, error)
	// Login gives a new token where the old one is refused. Nil: the chat gives
	// up then.
	Login func(ctx context.Context) (string, error)

	// OnMessage is shown each line of the room once, in order. It is called
	// from one goroutine, which also reads receipts: one that takes long slows
	// the chat down, and one that calls Send or Close waits for itself.
	OnMessage func(wire.Message)
	// OnRepeat is called instead of OnMessage, from the same goroutine, with a line
	// that the client drops: a line at least as late was shown already.
	OnRepeat func(wire.Message)
	// OnState is called when the connection is lost, when it is back, and when the
	// first welcome says that history is lost.
	OnState func(State)

	Window       int  // lines on their way without a receipt, default 256; 1 keeps the order even when some are refused
	MaxPending   int  // lines kept without a receipt, default 10,000
	RetryLimited bool // lines refused with rate_limited are sent again, when the server says; otherwise their sender is told

	// Keepalive is the silence after which the server is asked whether it lives,
	// AnswerTime the time for a greeting, a receipt, a sign of life or one write:
	// 20 s and 10 s by default, and 3 s and 4 s with several addresses, so that
	// a machine that vanishes is left for another within 10 s.
	Keepalive, AnswerTime time.Duration

	// DialContext connects, for tests. Default: TCP, in at most 3 s, and 1 s with
	// several addresses.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// State is a change of a chat's connection.
type State struct {
	Connected bool
	Address   string // of the server, when connected
	Err       error  // why not, when not connected
	Lost      bool   // connected, but the log no longer has all lines that were missed

	// HistoryLost is true when the log cannot tell which lines were missed: it lost
	// lines, or is another log. Lost is true, too. All of the room's lines follow,
	// including lines that the user has already seen.
	HistoryLost bool
}

// Place is a place in a chat server's log. A number means a line only together with its
// epoch: a log that has lost lines gives their numbers to others.
type Place struct {
	Epoch string // "" from servers of earlier versions, and for the log's beginning
	Seq   uint64 // of the last line that was seen
}

// Stats counts what a chat has gone through.
type Stats struct {
	Reconnects int               // connections after the first
	Sent       int               // lines written, repeats too
	Receipts   int               // lines of ours that are stored
	Received   int               // lines shown, ours too
	Repeated   int               // lines that came a second time and were not shown
	Refused    map[errs.Code]int // refusals by code: of lines, commands and sessions
	Renewals   int               // new tokens, by Refresh or Login
}

func (o Options) withDefaults() (Options, error) {
	if len(o.Addresses) == 0 {
		return o, errs.E(errs.Usage, "no address of the chat server").WithFix("give --chat HOST:8082")
	}
	for _, a := range o.Addresses {
		a, _ = strings.CutPrefix(a, tlsScheme)
		if host, port, err := net.SplitHostPort(a); err != nil || host == "" || port == "" {
			return o, errs.E(errs.Usage, "%q is not the address of a chat server", a).WithFix("write it as HOST:8082, or tls://HOST:8082")
		}
	}
	if !wire.ValidToken(o.Token) {
		return o, errs.E(errs.BadToken, "the token cannot be one").WithFix("sign in again")
	}
	room, err := wire.ParseRoom(o.Room)
	if err != nil {
		return o, err
	}
	o.Room = room
	orDefault(&o.Window, 256)
	orDefault(&o.MaxPending, 10_000)
	keepalive, answer, connect := 20*time.Second, 10*time.Second, 3*time.Second
	if len(o.Addresses) > 1 {
		keepalive, answer, connect = 3*time.Second, 4*time.Second, time.Second
	}
	orDefault(&o.Keepalive, keepalive)
	orDefault(&o.AnswerTime, answer)
	if o.DialContext == nil {
		keep := net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}
		o.DialContext = (&net.Dialer{Timeout: connect, KeepAliveConfig: keep}).DialContext
	}
	return o, nil
}

func orDefault[T int | time.Duration](v *T, otherwise T) {
	if *v <= 0 {
		*v = otherwise
	}
}
