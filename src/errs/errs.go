// Package errs holds the one error type of chatlab: a stable code that
// programs compare, a message that people read, the fix where one is known,
// and the cause, which goes to logs and never to a peer.
package errs

import (
	"errors"
	"fmt"
	"time"
)

// Code is a stable, machine-readable name of a failure. Codes are part of the
// protocols (HTTP problem documents, chat refusals): never rename one.
type Code string

// Codes shared by every service.
const (
	Internal    Code = "internal"    // a fault of ours; the peer learns nothing more
	Unavailable Code = "unavailable" // a part we need is away; try again later
	Shutdown    Code = "shutdown"    // the server is stopping; connect again
	RateLimited Code = "rate_limited"
	Usage       Code = "usage"  // wrong flags, arguments or configuration: exit status 2
	Failed      Code = "failed" // a check or a drill failed: exit status 1
)

// Codes of the auth server (RFC 9457 problem documents, member "code").
const (
	Malformed        Code = "malformed"         // not the JSON that the call takes
	UnknownField     Code = "unknown_field"     // a field that the call does not know
	InvalidID        Code = "invalid_id"        // id breaks its rules
	InvalidPassword  Code = "invalid_password"  // password breaks its rules
	InvalidEmail     Code = "invalid_email"     // e-mail breaks its rules
	WrongCredentials Code = "wrong_credentials" // unknown id or wrong password, never which
	NotFound         Code = "not_found"
	MethodNotAllowed Code = "method_not_allowed"
	IDTaken          Code = "id_taken"
	BodyTooLarge     Code = "body_too_large"
	NotJSON          Code = "not_json"
)

// Codes of tokens, used by the auth server and the chat server.
const (
	BadToken     Code = "bad_token"
	TokenExpired Code = "token_expired"
	TokenRevoked Code = "token_revoked" // the user signed out, has a new password, or is gone
)

// Codes of the chat server.
const (
	TooLong      Code = "too_long"
	SlowConsumer Code = "slow_consumer"
	BadUTF8      Code = "bad_utf8"
	BadRequest   Code = "bad_request" // a JSON line or a command that cannot be understood
	Timeout      Code = "timeout"     // the first line did not come in time
)

// Codes of the event log.
const (
	BadEvent Code = "bad_event" // a line that is not an event
	SpoolBad Code = "spool_bad" // a damaged record in a spool
)

// Error is a failure with a stable code.
type Error struct {
	Code       Code
	Message    string        // one line for people: what failed, where
	Fix        string        // what to do about it; may be empty
	RetryAfter time.Duration // when to try again; 0 where it makes no sense
	Err        error         // the cause, for logs only; may be nil
}

// Error returns the message with its cause, for logs.
func (e *Error) Error() string {
	if e.Err == nil || e.Err.Error() == "" {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// E makes an error from a code and a formatted message. %w keeps a cause
// reachable by errors.Is, and its text in the message.
func E(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: hidden{errors.Unwrap(err)}.orNil()}
}

// Wrap gives a cause a code and a message that hides it from peers.
func Wrap(cause error, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Err: cause}
}

// WithFix adds what to do about it.
func (e *Error) WithFix(format string, args ...any) *Error {
	e.Fix = fmt.Sprintf(format, args...)
	return e
}

// WithRetry says when to try again.
func (e *Error) WithRetry(after time.Duration) *Error {
	e.RetryAfter = after
	return e
}

// CodeOf returns the code of the first *Error in the chain, Internal for any
// other error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Is tells whether err carries the code.
func Is(err error, code Code) bool { return err != nil && CodeOf(err) == code }

// Public returns what a peer may read of err: the message of the first *Error,
// without its cause, and nothing of foreign or internal errors.
func Public(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Code != Internal {
		return e.Message
	}
	return "internal error"
}

// FixOf returns the first fix in the chain, or "".
func FixOf(err error) string {
	var e *Error
	for errors.As(err, &e) {
		if e.Fix != "" {
			return e.Fix
		}
		err = e.Err
	}
	return ""
}

// RetryAfterOf returns the first RetryAfter in the chain, or 0.
func RetryAfterOf(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// hidden keeps a cause that a message already shows: reachable by errors.Is
// and errors.As, but not printed a second time.
type hidden struct{ cause error }

func (h hidden) orNil() error {
	if h.cause == nil {
		return nil
	}
	return h
}
func (h hidden) Error() string { return "" }
func (h hidden) Unwrap() error { return h.cause }
