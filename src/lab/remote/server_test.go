package remote

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// machine is an SSH server of this process: commands run here, with the
// programs of a folder before all others.
type machine struct {
	access   Access
	host     string
	programs string

	mu    sync.Mutex
	conns []net.Conn
}

func newSigner(t *testing.T) (ssh.Signer, []byte) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer, pem.EncodeToMemory(block)
}

// newMachine serves until the test ends.
func newMachine(t *testing.T) *machine {
	t.Helper()
	dir := t.TempDir()
	hostKey, _ := newSigner(t)
	user, userKey := newSigner(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
	m := &machine{host: "127.0.0.1", programs: t.TempDir(), access: Access{
		Port: port, Key: filepath.Join(dir, "key"), KnownHosts: filepath.Join(dir, "known_hosts"),
	}}
	known := knownhosts.Line([]string{net.JoinHostPort(m.host, port)}, hostKey.PublicKey())
	for path, text := range map[string]string{m.access.Key: string(userKey), m.access.KnownHosts: known + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(user.PublicKey().Marshal()) {
			return nil, io.EOF
		}
		return nil, nil
	}}
	config.AddHostKey(hostKey)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			m.mu.Lock()
			m.conns = append(m.conns, conn)
			m.mu.Unlock()
			all.Go(func() { m.serve(conn, config) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		m.hangUp()
		all.Wait()
	})
	return m
}

// hangUp cuts every connection; new ones are taken.
func (m *machine) hangUp() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n = len(m.conns)
	for _, c := range m.conns {
		_ = c.Close()
	}
	m.conns = nil
	return n
}

func (m *machine) serve(raw net.Conn, config *ssh.ServerConfig) {
	conn, channels, requests, err := ssh.NewServerConn(raw, config)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	go func() {
		for r := range requests {
			_ = r.Reply(false, nil) // a keep-alive wants any answer
		}
	}()
	var all sync.WaitGroup
	defer all.Wait()
	for c := range channels {
		switch c.ChannelType() {
		case "session":
			all.Go(func() { m.session(c) })
		case "direct-tcpip":
			all.Go(func() { forward(c) })
		default:
			_ = c.Reject(ssh.UnknownChannelType, "no")
		}
	}
}

func (m *machine) session(c ssh.NewChannel) {
	channel, requests, err := c.Accept()
	if err != nil {
		return
	}
	defer func() { _ = channel.Close() }()
	for r := range requests {
		if r.Type != "exec" {
			_ = r.Reply(false, nil)
			continue
		}
		var command struct{ Text string }
		_ = ssh.Unmarshal(r.Payload, &command)
		_ = r.Reply(true, nil)
		cmd := exec.Command("sh", "-c", command.Text)
		cmd.Env = append(os.Environ(), "PATH="+m.programs+":"+os.Getenv("PATH"))
		cmd.Stdin, cmd.Stdout, cmd.Stderr = channel, channel, channel.Stderr()
		code := uint32(0)
		if cmd.Run() != nil {
			code = uint32(max(cmd.ProcessState.ExitCode(), 1)) //nolint:gosec // an exit status
		}
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
		return
	}
}

func forward(c ssh.NewChannel) {
	var to struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	_ = ssh.Unmarshal(c.ExtraData(), &to)
	conn, err := net.Dial("tcp", net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))))
	if err != nil {
		_ = c.Reject(ssh.ConnectionFailed, "Connection refused")
		return
	}
	defer func() { _ = conn.Close() }()
	channel, requests, err := c.Accept()
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	defer func() { _ = channel.Close() }()
	go func() {
		_, _ = io.Copy(conn, channel)
		_ = conn.Close()
	}()
	_, _ = io.Copy(channel, conn)
}

// program puts a shell script before the machine's own programs.
func (m *machine) program(t *testing.T, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(m.programs, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
}
