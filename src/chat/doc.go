// Package chat is the chat server: sessions over TCP, rooms, and the fan-out of
// each line to everyone in its room. Package wire describes the protocol.
//
// # From a line to its readers
//
// A session checks a line and publishes it to the [Log]; it shows nothing by
// itself. The hub follows the log and appends each line to the room's run of
// bytes, rendered once for each mode (JSON, plain) that has readers. So what
// users see is what the log holds, in its order, with several servers too.
//
// A connection holds an offset into that run. After a batch, the room's lanes
// pass over their connections and write to each all that it lacks, in one
// write that never waits. A socket that is full gets a goroutine for as long as
// it is; others are not held up by it. A reader whose backlog exceeds
// [MaxBehind] is cut and told slow_consumer.
//
// # What a connection costs
//
// One goroutine, parked in its read, with a read buffer of 128 bytes that grows
// to the line at hand. Nothing is queued or copied for it, and the token's end
// is the deadline of its read.
//
// # State
//
// A server has none that is not in the log. A session that resumes after a
// number gets the missing lines from the log and then goes on live.
package chat
