// Package testkit holds the helpers that tests of many packages share. Packages below
// it start real programs (MariaDB, Zabbix), make certificates, or hold the contracts
// that every implementation of an interface keeps. Nothing that ships imports them.
package testkit

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"chatlab/src/wait"
)

// Patience bounds the wait for anything that takes milliseconds on an idle machine.
const Patience = time.Minute

// Until polls ok until it returns true. The test fails after [Patience].
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	Within(t, Patience, what, ok)
}

// Within polls ok until it returns true. The test fails after limit.
// The pause between polls grows from a millisecond to a tenth of a second, so that a
// costly condition does not delay what it waits for.
func Within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit) // also in a cleanup, when t.Context() has ended
	defer cancel()
	pause := wait.Backoff{First: time.Millisecond, Last: 100 * time.Millisecond}
	for !ok() {
		if !pause.Sleep(ctx) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// FreeAddr returns a loopback address that nobody listens on.
func FreeAddr(t testing.TB) string {
	t.Helper()
	return FreeAddrs(t, 1)[0]
}

// FreeAddrs returns n different addresses that nobody listens on. They are not of
// 127.0.0.1: the kernel takes the ports of outgoing connections there, and might take
// one before the test listens on it.
func FreeAddrs(t testing.TB, n int) (addrs []string) {
	t.Helper()
	for range n {
		ln, err := net.Listen("tcp", "127.0.1.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		addrs = append(addrs, ln.Addr().String())
	}
	return addrs
}

// Buffer is a [bytes.Buffer] that goroutines may share.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements [io.Writer].
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String returns everything that was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
