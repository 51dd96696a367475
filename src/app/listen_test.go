package app_test

import (
	"errors"
	"net"
	"testing"

	"chatlab/src/app"
)

func TestSeveralAddressesAreOneListener(t *testing.T) {
	ln, err := app.Listen(net.ListenConfig{}, "127.0.1.1:0", "127.0.1.2:0", "127.0.1.3:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	host, _, _ := net.SplitHostPort(ln.Addr().String())
	if host != "127.0.1.1" {
		t.Errorf("its address is %s, not the first", ln.Addr())
	}
	for _, addr := range app.Addresses(ln) {
		client, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.LocalAddr().String(); got != addr {
			t.Errorf("a connection to %s came in at %s", addr, got)
		}
		_ = conn.Close()
		_ = client.Close()
	}
	if n := len(app.Addresses(ln)); n != 3 {
		t.Errorf("%d addresses", n)
	}
}

func TestAnAddressOfAnotherMachineIsListenedOn(t *testing.T) {
	const elsewhere = "192.0.2.1:0" // documentation, RFC 5737: nobody's
	ln, err := app.Listen(net.ListenConfig{}, "127.0.1.1:0", elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	if _, err := app.Listen(net.ListenConfig{}, elsewhere); err == nil {
		t.Error("the first address has to be this machine's, and was not")
	}
	if _, err := app.Listen(net.ListenConfig{}, "127.0.1.1:0", "127.0.1.1:99999"); err == nil {
		t.Error("a bad address was taken")
	}
}

func TestAClosedListenerTakesNobody(t *testing.T) {
	ln, err := app.Listen(net.ListenConfig{}, "127.0.1.1:0", "127.0.1.2:0")
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := ln.Accept()
		waiting <- err
	}()
	_ = ln.Close()
	_ = ln.Close()
	if err := <-waiting; !errors.Is(err, net.ErrClosed) {
		t.Errorf("who waited got %v", err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("who came later got %v", err)
	}
	for _, addr := range app.Addresses(ln) {
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			t.Errorf("%s still takes connections", addr)
		}
	}
}
