package zbx

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"chatlab/src/wait"
)

// instant accepts connections and answers those keys that need no waiting on
// the spot: four system calls a check (accept, read, write, close), no goroutine
// and nothing registered with the poller. A connection is handed out only once
// its request is there (TCP_DEFER_ACCEPT). Whatever takes longer - another key,
// a request in pieces, a name to look up - goes to a goroutine as usual.
type instant struct {
	s    *Server
	file *os.File // of the listener
	buf  []byte
	out  []byte
}

// newInstant returns nil where the listener gives no file descriptor.
func newInstant(s *Server) *instant {
	ln, ok := s.ln.(*net.TCPListener)
	if !ok {
		return nil
	}
	dup, err := ln.File()
	if err != nil {
		return nil
	}
	defer func() { _ = dup.Close() }()
	fd, err := unix.FcntlInt(dup.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	if unix.SetNonblock(fd, true) != nil {
		_ = unix.Close(fd)
		return nil
	}
	// Where it fails, the first read finds nothing and a goroutine does the rest.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 1)
	return &instant{s: s, file: os.NewFile(uintptr(fd), "listener"), buf: make([]byte, bufferSize), out: make([]byte, 0, bufferSize)}
}

// serve accepts until ctx ends.
func (l *instant) serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = l.file.Close() })
	defer stop()
	raw, err := l.file.SyscallConn()
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		var fault error
		err := raw.Read(func(fd uintptr) bool {
			fault = l.accept(ctx, int(fd))
			return fault != unix.EAGAIN
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if fault != nil && !wait.Sleep(ctx, acceptAgain) {
			return nil
		}
	}
	return nil
}

// accept takes connections until there is none (EAGAIN), or one cannot be had.
func (l *instant) accept(ctx context.Context, fd int) error {
	for ctx.Err() == nil {
		conn, from, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			l.take(ctx, conn, addrOf(from))
		case unix.EINTR, unix.ECONNABORTED:
		default:
			return err
		}
	}
	return nil
}

// take answers a connection, or passes it on.
func (l *instant) take(ctx context.Context, fd int, peer netip.Addr) {
	listed := l.s.opt.Allow.listed(peer)
	if !listed && len(l.s.opt.Allow.names) == 0 {
		_ = unix.Close(fd)
		return
	}
	n := 0
	if listed {
		n, _ = unix.Read(fd, l.buf) // an error, and the end, show again later
		n = max(n, 0)
		if answer, ok := l.answer(l.buf[:n]); ok {
			_, _ = unix.Write(fd, answer) // a new connection has room for it
			_ = unix.Close(fd)
			return
		}
	}
	l.pass(ctx, fd, peer, n)
}

// answer returns the whole frame for a request that is complete and whose key
// is known at once.
func (l *instant) answer(request []byte) ([]byte, bool) {
	h, err := parseHeader(request)
	if err != nil || h.flags&FlagCompressed != 0 || h.length != uint64(len(request)-h.size) {
		return nil, false
	}
	body := request[h.size:]
	if len(body) > 0 && body[0] == '{' {
		return l.answerJSON(body)
	}
	value, ok := l.s.opt.Instant(string(bytes.TrimRight(body, "\r\n")))
	if !ok {
		return nil, false
	}
	l.out = append(appendHeader(l.out[:0], FlagProtocol, uint64(len(value)), 0), value...)
	return l.out, true
}

func (l *instant) answerJSON(body []byte) ([]byte, bool) {
	item, err := parseJSON(body)
	if err != nil {
		return nil, false
	}
	value, ok := l.s.opt.Instant(item.Key)
	if !ok {
		return nil, false
	}
	out, err := json.Marshal(jsonAnswer{Version: l.s.opt.Version, Variant: variant, Data: []jsonValue{{Value: (*text)(&value)}}})
	if err != nil {
		return nil, false
	}
	l.out = AppendFrame(l.out[:0], out)
	return l.out, true
}

// pass gives a connection, of which n bytes were read, to a goroutine.
func (l *instant) pass(ctx context.Context, fd int, peer netip.Addr, n int) {
	file := os.NewFile(uintptr(fd), "connection")
	defer func() { _ = file.Close() }() // the connection has its own descriptor
	if !l.s.slot(ctx) {
		return
	}
	conn, err := net.FileConn(file)
	if err != nil {
		<-l.s.slots
		return
	}
	l.s.goServe(ctx, conn, peer, bytes.Clone(l.buf[:n]))
}

func addrOf(from unix.Sockaddr) netip.Addr {
	switch a := from.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(a.Addr)
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(a.Addr)
	}
	return netip.Addr{}
}
