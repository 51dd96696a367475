package drill

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/wire"
)

// What the ill-behaved users of a drill do.
const (
	slowCount   = 5       // connections that do not read
	slowBuffer  = 4 << 10 // bytes that their kernel takes
	slowPadding = 1500    // bytes added to each line meanwhile
	cutBacklog  = 8 << 20 // bytes said after which a reader must have been cut
)

// slowReaders lets some connections stop reading for the whole time; the lines
// are long meanwhile, so that they fall behind.
func slowReaders(ctx context.Context, r *run) error {
	r.crew.padding.Store(slowPadding)
	began := r.crew.said.Load()
	before := r.total("chatd", "chatd", "chatlab_chat_slow_consumers_total")
	f := r.slowReaderFault(remaining(ctx))
	leave := f.after
	f.after = func() {
		leave()
		r.crew.padding.Store(0) // the load as it was: part of the heal
	}
	if err := r.strike(ctx, f); err != nil {
		return err
	}
	bytes := (r.crew.said.Load() - began) * slowPadding / int64(len(r.crew.rooms)) // all rooms are as busy
	r.expect = append(r.expect, func(context.Context) error {
		if cut := r.total("chatd", "chatd", "chatlab_chat_slow_consumers_total") - before; cut < slowCount && bytes > cutBacklog {
			return fmt.Errorf("%d bytes were said to %d users who do not read, %.0f were cut off", bytes, slowCount, cut)
		}
		return nil
	})
	return nil
}

// slowReaderFault opens connections that take part in the room and do not read.
func (r *run) slowReaderFault(hold time.Duration) fault {
	var conns []net.Conn
	return fault{name: fmt.Sprintf("%d users stop reading", slowCount), hold: hold,
		make: func(ctx context.Context) error {
			ctx, cancel := begun(ctx)
			defer cancel()
			token, err := r.probe.login(ctx)
			if err != nil {
				return err
			}
			for range slowCount {
				conn, err := r.openDeaf(ctx, token)
				if err != nil {
					return err
				}
				conns = append(conns, conn)
			}
			return nil
		},
		after: func() {
			for _, c := range conns {
				_ = c.Close()
			}
		},
	}
}

func (r *run) openDeaf(ctx context.Context, token string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTry)
	defer cancel()
	conn, err := client.Connect(ctx, new(net.Dialer).DialContext, r.roots, r.probe.chats[0])
	if err != nil {
		return nil, err
	}
	tcp := conn
	if secure, ok := conn.(*tls.Conn); ok {
		tcp = secure.NetConn()
	}
	if err := tcp.(*net.TCPConn).SetReadBuffer(slowBuffer); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	_ = conn.SetDeadline(time.Now().Add(probeTry))
	if _, err := fmt.Fprintf(conn, "%s\n/join %s\n", token, r.crew.rooms[0]); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	// The greeting only: nothing is read after it.
	if _, err := io.ReadFull(conn, make([]byte, len("connected.\n"))); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, conn.SetDeadline(time.Time{})
}

// flood lets one user say far more than is allowed for the whole time.
func flood(ctx context.Context, r *run) error {
	if err := r.strike(ctx, r.floodFault(remaining(ctx))); err != nil {
		return err
	}
	r.expect = append(r.expect, func(context.Context) error {
		if r.ledger.totals().Refused[errs.RateLimited] == 0 {
			return errors.New("a user far beyond the rate was not refused once")
		}
		return nil
	})
	return nil
}

// floodFault makes one user say as many lines as the connection takes. They
// are numbered and accounted for like all others.
func (r *run) floodFault(hold time.Duration) fault {
	return fault{name: "one user floods the room", make: func(ctx context.Context) error {
		opening, cancel := begun(ctx)
		defer cancel()
		token, err := r.probe.login(opening)
		if err != nil {
			return err
		}
		chat, err := client.Dial(opening, client.Options{Addresses: r.probe.chats, Roots: r.roots, Token: token, Room: r.crew.rooms[0], Login: r.probe.login})
		if err != nil {
			return err
		}
		defer func() { _ = chat.Close() }()
		r.pour(chat, hold)
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		return chat.Drain(limit)
	}}
}

// pour sends as fast as answers come: a window of lines is on its way. The end
// of the drill's time does not cut it: signing in may have taken all of it.
func (r *run) pour(chat *client.Chat, hold time.Duration) {
	ctx, cancel := r.outlasting(hold)
	defer cancel()
	name := r.id + "-flood"
	r.ledger.speaker(name, r.probe.user, r.crew.rooms[0])
	window := make(chan struct{}, 200)
	for {
		select {
		case <-ctx.Done():
			return
		case window <- struct{}{}:
		}
		n, text := r.ledger.says(name, " much too much")
		err := chat.SendAsync(text, func(echo wire.Message, err error) {
			r.ledger.receipt(name, n, echo, err)
			<-window
		})
		if err != nil {
			r.ledger.receipt(name, n, wire.Message{}, notSent{err})
			return
		}
	}
}

// total adds up a metric over the nodes of a service, from one of its ops
// listeners; a daemon that was started again counts anew.
func (r *run) total(service, ops, name string) (sum float64) {
	for _, n := range r.lab.Inventory.Members(service) {
		v, _ := metric(context.Background(), r.ops, r.lab.Inventory.OpsAddress(ops, n), name)
		sum += v
	}
	return sum
}
