package dial_test

import (
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"chatlab/src/dial"
)

// That a machine without power is noticed is for the drills on machines.
func TestTheKernelIsToldHowLongToWait(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for silence, want := range map[time.Duration]map[int]int{
		3 * time.Second:        {unix.TCP_USER_TIMEOUT: 3000, unix.TCP_KEEPIDLE: 2, unix.TCP_KEEPINTVL: 2, unix.TCP_KEEPCNT: 1},
		500 * time.Millisecond: {unix.TCP_USER_TIMEOUT: 1000, unix.TCP_KEEPIDLE: 1, unix.TCP_KEEPINTVL: 1, unix.TCP_KEEPCNT: 1},
	} {
		conn, err := dial.Dialer(time.Second, silence).DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		raw, err := conn.(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) {
			for option, value := range want {
				if got, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, option); err != nil || got != value {
					t.Errorf("silence %s: option %d is %d, %v; want %d", silence, option, got, err, value)
				}
			}
		}); err != nil {
			t.Error(err)
		}
		_ = conn.Close()
	}
}
