// Package client is the Go client of the auth server and of the chat server.
//
// [Auth] speaks HTTP and JSON with authd: sign in, sign up, renew a token.
//
// [Chat] is one user's place in a room: lines go out with ids that the client
// chose, and each is kept until its echo, which is its receipt, has come. A
// Chat outlives its connections: after a broken one it takes the next address,
// asks for what it has missed since the last sequence number that it saw, and
// resends, in order, lines without a receipt. The server drops repeats by their
// ids, the client by their sequence numbers, so that no line is shown twice and
// none is missing, whatever breaks. Where the server's log has lost lines or is
// another one, the client shows the room from its beginning, and says so. It renews
// its token before it ends.
//
// Everything that a peer sent and that may be shown to a person has passed
// [Printable].
package client
