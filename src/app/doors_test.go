package app_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"chatlab/src/app"
	"chatlab/src/errs"
)

func TestNetworkOfAClient(t *testing.T) {
	for remote, want := range map[string]string{
		"127.0.0.1:5": "127.0.0.1/32", "[::ffff:127.0.0.1]:5": "127.0.0.1/32",
		"[2001:db8:1:2:3:4:5:6]:7": "2001:db8:1:2::/64", "[fe80::1%eth0]:7": "fe80::/64",
	} {
		if got := app.Network(remote); got != netip.MustParsePrefix(want) {
			t.Errorf("%s is of %s, want %s", remote, got, want)
		}
	}
	if app.Network("@") != (netip.Prefix{}) || app.Network("") != (netip.Prefix{}) {
		t.Error("what is no address has a network of its own")
	}
}

func TestConnectionsBeyondTheLimitsAreClosedUnread(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	refused := make(chan errs.Code, 10)
	ln := app.NewDoors(2, 3).Listen(inner, func(err error) { refused <- errs.CodeOf(err) })
	accepted := make(chan net.Conn, 10)
	go func() {
		for {
			conn, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			accepted <- conn
		}
	}()
	dial := func(from string) net.Conn {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := d.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	gone := func(conn net.Conn, code errs.Code) {
		t.Helper()
		if got := <-refused; got != code {
			t.Errorf("refused with %s, want %s", got, code)
		}
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, io.ErrNoProgress) {
			t.Errorf("the connection is not closed: %v", err)
		}
	}
	dial("127.0.2.1")
	first := <-accepted
	dial("127.0.2.1")
	<-accepted
	gone(dial("127.0.2.1"), errs.RateLimited)
	dial("127.0.2.2")
	<-accepted
	gone(dial("127.0.2.2"), errs.Unavailable)
	_ = first.Close()
	_ = first.Close() // counts once
	dial("127.0.2.1")
	<-accepted
	gone(dial("127.0.2.3"), errs.Unavailable)
}
