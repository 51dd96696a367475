// Package auth is the auth server: users, passwords, access tokens, and the
// HTTP API that openapi.yaml describes.
//
// # Passwords
//
// A password is compared code point by code point: it is not normalised,
// trimmed or cut. Stored is an argon2id PHC string; when its costs differ from
// the server's, the next right sign-in replaces it. Hashing is the one dear
// thing that a stranger can make the server do, so it runs in a pool: at most
// GOMAXPROCS at once, a bounded queue before it, and 503 beyond that. A sign-in
// of an unknown id hashes too: neither the answer nor its time tells it from a
// wrong password.
//
// # Limits
//
// Each address has a token bucket for all calls but health. The address is the
// connection's; forwarded-for headers are not believed. The default is
// generous, because a whole class can sit behind one address: what protects
// passwords is the limit of each account. After limits.login_failures wrong
// passwords in a row an id is locked, whether anyone has it or not, for
// limits.lockout; each further one doubles that, up to limits.lockout_max. The
// right password is refused during a lock too, since an answer would tell that
// it is right.
//
// What accounts have failed is kept in the database where that is MariaDB: all
// authd that share it count as one, whichever of them an id is tried at, and a lock
// outlives their restarts. Many guesses at once get no more than one after the
// other, except that each of n authd may check one before it knows of the others':
// login_failures + n - 1 in all, once, before the first lock. Clocks that differ
// shorten a lock by that, once. What is forgotten is removed. When the database
// cannot be asked, or a guess not be counted, the sign-in is unavailable. With
// SQLite they are kept in memory, of limits.tracked ids at the most: the least
// recently used is forgotten.
//
// What addresses have used is always in memory, limits.tracked of them, so that no
// request waits for a database. Authd that share a MariaDB tell each other once a
// second what each granted to the addresses which use a tenth of the rate or more,
// and take that out of their own buckets: n of them grant an address together what
// one would, and the bursts that it takes from the others before they hear of it.
// When the database is away, each limits for itself.
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
