//go:build bench

package bench

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"chatlab/src/token"
)

// startLoop runs this test binary as the loop.
func startLoop(t *testing.T) *chatServer {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestLoopProcess$", "-test.v=false")
	cmd.Env = append(os.Environ(), "CHATLAB_BENCH_LOOP=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, cmd)
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return &chatServer{
		addr: strings.TrimSpace(addr), pid: cmd.Process.Pid,
		ring: token.NewRing(make([]byte, token.MinKeyLen)), loop: true, stop: func() { stopProcess(t, cmd) },
	}
}

// TestLoopProcess is no test: it is the process of the loop, when it is told so.
// It is the fan-out as it is mostly written: each connection has a queue, and a
// goroutine that writes its content at once, when there is more than one.
func TestLoopProcess(t *testing.T) {
	if os.Getenv("CHATLAB_BENCH_LOOP") == "" {
		t.Skip("the loop runs as a process of its own")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(ln.Addr())
	var mu sync.Mutex
	queues := map[chan []byte]bool{}
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			in, queue := bufio.NewReader(conn), make(chan []byte, 256)
			if _, err := in.ReadBytes('\n'); err != nil {
				return
			}
			go loopWriter(conn, queue)
			queue <- []byte("{\"ok\":true}\n")
			mu.Lock()
			queues[queue] = true
			mu.Unlock()
			defer func() {
				mu.Lock()
				delete(queues, queue)
				mu.Unlock()
				close(queue)
			}()
			for {
				line, err := in.ReadBytes('\n')
				if err != nil {
					return
				}
				mu.Lock()
				for q := range queues {
					q <- line
				}
				mu.Unlock()
			}
		}()
	}
}

func loopWriter(conn net.Conn, queue <-chan []byte) {
	out := bufio.NewWriterSize(conn, 16<<10)
	for line := range queue {
		_, _ = out.Write(line)
		if len(queue) == 0 {
			_ = out.Flush()
		}
	}
	_ = conn.Close()
}
