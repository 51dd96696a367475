// Package auth is the auth server: users, passwords, access tokens, and the
// HTTP API that openapi.yaml describes.
//
// # Passwords
//
// A password is compared code point by code point: it is not normalised,
// trimmed or cut. Stored is an argon2id PHC string; when its costs differ from
// the server's, the next right sign-in replaces it. Hashing is the one dear
// thing that a stranger can make the server do: at most GOMAXPROCS run at once,
// behind a bounded queue. A sign-in of an unknown id hashes too: neither the answer
// nor its time tells it from a wrong password.
//
// # Limits
//
// A limit of an address (IPv6: one /64) holds at each auth server by itself; the address
// is the connection's. Connections beyond the limits are closed unread. Each address has
// a budget for calls, a stricter one for calls with a password, and one for wrong
// passwords. Hashing slots go round the addresses that wait.
//
// After limits.login_failures wrong passwords in a row an id is locked for the address
// they came from, whether anyone has it or not; after limits.id_failures, for every
// address that has not signed in to it within seven days. A lock lasts limits.lockout,
// twice that after each further one, up to limits.lockout_max. The right password is
// refused during a lock too, and costs the same time.
//
// Failures are kept in the database, so all authd that share it count as one, and a lock
// outlives their restarts. Each process checks one password of an id at a time: of n
// processes at most n - 1 can check one more than a limit allows.
//
// # Ending sessions
//
// A logout, a new password and a deletion end the tokens that were issued before the next
// full second by the database's clock; a token issued before that second carries it as
// its iat, so it is good at once. That is kept of deleted ids too. The chat servers ask
// the private listener for the users whose tokens ended within the life of a token.
//
// # Events
//
// A sign-in or sign-up is answered once its event is durable: server auth,
// category signin or signup, the user's id, success or fail. When events
// cannot be taken the call is refused (503) before it has any effect. Only what
// was tried in earnest is an event: a call whose id breaks the rules has none,
// so that the log holds no text of a stranger's choosing; neither has one that
// a limit or an outage refused, so that a flood does not fill the log (the
// metrics count those). A sign-up with a good id and a bad password or e-mail,
// or an id that is taken, is a fail.
package auth
