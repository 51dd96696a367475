package chat

import (
	"slices"
	"strconv"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// help is the answer to /help.
const help = `/join ROOM - go to another room
/who - who is in this room
/history [N] - the last N lines of this room
/token JWT - go on with a newer token
/quit - leave
// at the start of a line makes it text, with one / of the two`

// command serves one command. Its error is the session's end.
func (c *session) command(line string) error {
	cmd, err := wire.ParseCommand(line)
	if err != nil {
		c.refuse(err, "")
		return nil
	}
	c.settle() // answers come after the lines that were said before
	switch cmd.Name {
	case "join":
		return c.join(cmd.Arg)
	case "who":
		c.who()
	case "history":
		c.history(cmd.Arg)
	case "token":
		return c.renew(cmd.Arg)
	case "help":
		c.reply(wire.Reply{Reply: "help", Text: help}, strings.Split(help, "\n")...)
	case "quit":
		c.reply(wire.Reply{Reply: "quit"})
		return errQuit
	}
	return nil
}

// reply answers a command: with the object in JSON mode, with the notes in
// plain mode.
func (c *session) reply(r wire.Reply, notes ...string) {
	if !c.plain {
		c.send(r)
		return
	}
	c.writer.send(asNotes(notes))
}

func asNotes(notes []string) []byte {
	var out []byte
	for _, n := range notes {
		out = append(append(append(out, "* "...), n...), '\n')
	}
	return out
}

func (c *session) join(name string) error {
	room, err := wire.ParseRoom(name)
	if name == "" {
		err = errs.E(errs.BadRequest, "/join takes the name of a room")
	}
	if err != nil {
		c.refuse(err, "")
		return nil
	}
	ctx, cancel := c.patience()
	defer cancel()
	c.writer.flush() // what the old room said so far goes out first
	if err := c.writer.acquire(ctx); err != nil {
		return c.stuck(err)
	}
	old := c.member.room.name
	c.server.hub.detach(&c.member)
	seq := c.server.hub.attach(&c.member, room)
	answer := asNotes([]string{"you are in " + room + " now"})
	if !c.plain {
		answer = wire.AppendJSON(nil, wire.Reply{Reply: "join", Room: room, Seq: seq})
	}
	if err := c.writer.put(answer); err != nil {
		return err
	}
	c.writer.release()
	c.server.logger.Debug("joined", "user", c.member.user, "room", room, "left", old)
	return nil
}

// stuck is the end of a session whose peer takes nothing.
func (c *session) stuck(err error) error {
	return errs.Wrap(err, errs.SlowConsumer, "you read too slowly; connect again and resume")
}

func (c *session) who() {
	room := c.member.room
	users := room.users()
	if c.server.peers != nil {
		ctx, cancel := c.patience()
		users = append(users, c.server.peers.Elsewhere(ctx, room.name)...)
		cancel()
		slices.Sort(users)
		users = slices.Compact(users)
	}
	shown := users[:min(len(users), wire.MaxWho)]
	note := strconv.Itoa(len(users)) + " in " + room.name + ": " + strings.Join(shown, " ")
	if len(shown) < len(users) {
		note += " …"
	}
	c.reply(wire.Reply{Reply: "who", Room: room.name, Users: shown, Count: len(users)}, note)
}

func (c *session) history(arg string) {
	n, err := wire.HistoryCount(arg)
	if err != nil {
		c.refuse(err, "")
		return
	}
	ctx, cancel := c.patience()
	defer cancel()
	room := c.member.room.name
	lines, err := c.server.log.Tail(ctx, room, n)
	if err != nil {
		c.refuse(errs.Wrap(err, errs.Unavailable, "the history cannot be read, try again later"), "")
		return
	}
	var out []byte
	for _, m := range lines {
		if c.plain {
			out = wire.AppendPlain(append(out, "* "...), m)
		} else {
			out = wire.AppendJSON(out, wire.Reply{Reply: "history", Message: &m})
		}
	}
	if c.plain {
		out = append(out, asNotes([]string{strconv.Itoa(len(lines)) + " lines of " + room})...)
	} else {
		out = wire.AppendJSON(out, wire.Reply{Reply: "history", Room: room, Count: len(lines)})
	}
	c.writer.send(out)
}

// renew takes a newer token of the same user. Another user's, or none, is the
// session's end.
func (c *session) renew(raw string) error {
	claims, err := c.verify(raw)
	if err == nil && claims.User != c.member.user {
		err = errs.E(errs.BadToken, "the token is another user's")
	}
	if err != nil {
		return err
	}
	if claims.Expires().After(c.ends) {
		if err := c.authorise(claims); err != nil {
			return err
		}
		c.ends = claims.Expires()
	}
	ends := c.ends.UTC()
	c.reply(wire.Reply{Reply: "token", Expires: &ends}, "your token lasts until "+ends.Format("15:04:05 MST"))
	return nil
}
