// Package check proves that a lab works: the user's journey end to end, one
// named check for each thing that must hold. It runs against every target in
// the same way: addresses come from the inventory, and what a target cannot
// give (a signing key, a certificate, files on this machine) skips the checks
// that need it, with the reason.
//
// A check is a function that states what it expects and what it saw by
// [Env.Same] and [Env.True]. A check that stated nothing has failed: nothing
// passes by doing nothing.
//
// The journey's users, sessions and events are made once a run, on first need,
// by the [Journey]; each check that depends on a step reports that step's
// error as its own. Everything that asks the lab goes over the wire.
package check
