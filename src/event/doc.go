// Package event is the event log's leaf: what an event is, the line that
// carries it over pipes and connections, the acknowledgement that answers it,
// and the Emitter, which is the parent's end of the pipe to the logger.
//
// # The line
//
//	1/(objectid)/(server)/(category)/(id)/(data)LF
//
// The ObjectID is 24 hexadecimal digits. In the other fields `%`, LF and CR
// are written %25, %0A and %0D, and `/` is written %2F in all but the last;
// any other byte may be written so, none has to. The specification's line
//
//	0/(server)/(category)/(id)/(data)LF
//
// is taken everywhere too. It has no escapes: its first three fields end at a
// slash, its data is all the rest (less one CR before the LF), and whoever
// receives it gives it its ObjectID.
//
// A line is at most MaxLine bytes, its LF included. Server and category are
// not empty, no ObjectID is zero, and every field is valid UTF-8 once decoded,
// since the database stores nothing else: a line that breaks these rules is
// refused with the code bad_event where it first appears, so that nothing
// refused waits in a queue. NUL and other control bytes are data like any.
//
// # The acknowledgement
//
//	ack NLF
//
// says that the first N lines since the pipe or connection was opened are
// safe: in the spool (the logger to its parent) or in the database (logd to
// the logger). N never falls and never exceeds the number of lines sent. `ack 0` is the
// greeting: of a logger that has opened its spool, of a log server that has
// accepted the logger's certificate.
//
// # The relay
//
// Over TCP with TLS 1.3, both sides with a certificate of the lab's CA. The
// logger sends lines of the form 1/; an empty line is a heartbeat and not
// counted. The log server answers with acknowledgements, repeated as its own
// heartbeat, and refuses with
//
//	error CODE N TEXTLF
//
// after which it closes. `bad_event` is about line N alone, the one after the
// last acknowledged: the logger sets that line aside. With any other code N is
// 0, and the logger goes to the next address.
package event
