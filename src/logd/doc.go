// Package logd is the log server: it takes relayed events from loggers over
// mutual TLS, stores them in batches that all connections share, and
// acknowledges them once the database has. The protocol is in package event.
//
// A connection is read no further than two mebibytes ahead of its
// acknowledgements, so while the database is away memory stays bounded, the
// loggers keep their spools, and nothing is acknowledged.
package logd
