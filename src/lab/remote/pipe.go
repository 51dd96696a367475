package remote

import (
	"io"
	"net"
	"sync"
)

// withDeadlines gives a connection through SSH what it lacks: deadlines. The
// caller gets one end of a pipe that has them, and what passes is copied.
func withDeadlines(far net.Conn) net.Conn {
	near, inner := net.Pipe()
	var once sync.Once
	end := func() {
		once.Do(func() {
			_ = inner.Close()
			_ = far.Close()
		})
	}
	go func() {
		_, _ = io.Copy(far, inner) // ends when the caller closes its end
		end()
	}()
	go func() {
		_, _ = io.Copy(inner, far) // ends when the far side does
		end()
	}()
	return &piped{Conn: near, far: far}
}

// piped is the caller's end, with the addresses of the far one.
type piped struct {
	net.Conn
	far net.Conn
}

func (p *piped) LocalAddr() net.Addr  { return p.far.LocalAddr() }
func (p *piped) RemoteAddr() net.Addr { return p.far.RemoteAddr() }
