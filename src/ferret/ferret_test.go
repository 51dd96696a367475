package ferret_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"chatlab/src/errs"
	"chatlab/src/ferret"
)

func TestServesUntilItsContextEnds(t *testing.T) {
	dir := t.TempDir() + "/db"
	addr := "127.0.0.1:0"
	for range 2 { // the second time on the same address, with the same files
		s, err := ferret.Listen(addr, dir)
		if err != nil {
			t.Fatal(err)
		}
		addr = s.Addr()
		if strings.HasSuffix(addr, ":0") || s.URI() != "mongodb://"+addr+"/" {
			t.Fatalf("address %s, URI %s", addr, s.URI())
		}
		if _, err := ferret.Listen(addr, t.TempDir()); !errs.Is(err, errs.Usage) {
			t.Fatalf("a taken address: %v, want code usage", err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx) }()
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			t.Fatal("still listens")
		}
	}
}

func TestFolderThatCannotBe(t *testing.T) {
	for _, dir := range []string{"/dev/null/db", t.TempDir() + "/a?b"} {
		if _, err := ferret.Listen("127.0.0.1:0", dir); !errs.Is(err, errs.Usage) {
			t.Errorf("%s: %v, want code usage", dir, err)
		}
	}
}
