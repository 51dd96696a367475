// Package logger is the process between a server and the log servers: it takes
// events from a pipe, makes them durable in a spool on disk, acknowledges
// them, and relays them until a log server has stored them.
//
// The spool is a folder:
//
//	NNNNNNNNNNNNNNNN.spool   records in order; hexadecimal, ascending
//	cursor                   the end of the stored events: `NNNNNNNNNNNNNNNN OFFSET`
//	rejected, damaged        what could not be relayed, for people to look at
//	lock                     held (flock) by the one logger that uses the folder
//
// A record is the line's length and the CRC-32C of length and line (both 4
// bytes, little-endian), then the line with its LF. Records are appended and
// synced in groups: one fsync serves all lines that came while the previous
// one ran, and is followed by one acknowledgement. Files whose every record is
// stored are deleted. The cursor may be old or missing: storing twice stores
// once.
package logger
