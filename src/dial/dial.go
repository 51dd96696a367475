// Package dial makes TCP connections that notice when the machine at the other
// end is gone.
package dial

import (
	"net"
	"time"
)

// Dialer makes connections that end when the other machine's kernel acknowledges
// nothing for about as long as silence, a second at least: what was sent is not
// (TCP_USER_TIMEOUT of RFC 5482, on Linux), or where nothing was sent, the probes
// of a keepalive are not. A process that is slow, or stopped, on a machine that
// lives is waited for. Without it a connection to a machine without power lasts for
// a quarter of an hour.
func Dialer(timeout, silence time.Duration) *net.Dialer {
	probe := max(time.Second, silence/2)
	return &net.Dialer{
		Timeout:         timeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: probe, Interval: probe, Count: 1},
		Control:         control(max(time.Second, silence)),
	}
}
