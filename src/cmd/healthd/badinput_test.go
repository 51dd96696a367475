package main

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatlab/src/testkit/zabbixtest"
	"chatlab/src/zbx"
)

// badFrame is a frame with any flags, lengths and data.
func badFrame(flags byte, length, reserved uint64, data []byte) []byte {
	out := append([]byte("ZBXD"), flags)
	if flags&zbx.FlagLarge != 0 {
		return append(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(out, length), reserved), data...)
	}
	return append(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(out, uint32(length)), uint32(reserved)), data...)
}

func bomb() []byte {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	_, _ = z.Write(make([]byte, 64<<20))
	_ = z.Close()
	return out.Bytes()
}

// outcome is what a peer does with a request: it answers, or closes.
func outcome(t *testing.T, addr string, request []byte, stay bool) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = conn.Write(request)
	if !stay {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	got, err := io.ReadAll(conn)
	var late net.Error
	switch {
	case errors.As(err, &late) && late.Timeout():
		return "keeps the connection"
	case len(got) == 0 && (err == nil || errors.Is(err, syscall.ECONNRESET)):
		return "closed"
	case bytes.HasPrefix(got, []byte("ZBXD\x01")) && len(got) > 13 && bytes.HasPrefix(got[13:], []byte("ZBX_NOTSUPPORTED")):
		return "not supported"
	case bytes.HasPrefix(got, []byte("ZBXD\x01")):
		return fmt.Sprintf("answers %.20q", got[13:])
	}
	return fmt.Sprintf("answers %.20q, %v", got, err)
}

// badCase is a request that no server sends.
type badCase struct {
	name    string
	request []byte
	stay    bool   // the client waits and sends nothing more
	own     string // what healthd does otherwise, on purpose
}

func badCases() []badCase {
	packed := bomb()
	frame := func(s string) []byte { return zbx.AppendFrame(nil, []byte(s)) }
	return []badCase{
		{"wrong magic", []byte("ZBXX\x01\x0a\x00\x00\x00\x00\x00\x00\x00agent.ping"), false, ""},
		{"wrong flags", badFrame(0x09, 10, 0, []byte("agent.ping")), false, ""},
		{"length too long, then the end", badFrame(1, 100, 0, []byte("agent.ping")), false, ""},
		{"length too short", badFrame(1, 5, 0, []byte("agent.ping")), true, ""},
		{"1 GB length", badFrame(1, 1<<30, 0, []byte("agent.ping")), true, ""},
		{"64-bit length", badFrame(5, 1<<62, 0, []byte("agent.ping")), true, ""},
		{"compressed bomb that lies", badFrame(3, uint64(len(packed)), 10, packed), true, ""},
		{"compressed bomb that tells", badFrame(3, uint64(len(packed)), 64<<20, packed), true, "closed"}, // the agents inflate it
		{"no zlib", badFrame(3, 10, 10, []byte("agent.ping")), true, ""},
		{"half a header and silence", []byte("ZBXD\x01\x0a"), true, ""},
		{"half a frame and silence", badFrame(1, 10, 0, []byte("agent")), true, ""},
		{"silence", nil, true, ""},
		{"nothing", nil, false, ""},
		{"unknown key", frame("nope"), true, ""},
		{"unknown key with parameters", frame("nope[a,b]"), true, ""},
		{"unclosed key", frame("agent.ping["), true, ""},
		{"empty key", frame(""), true, "not supported"},
		{"key with 10,000 parameters", frame("nope[" + strings.Repeat(",", 10_000) + "]"), true, ""},
		{"JSON that is torn", frame(`{"request":`), true, `answers`},
	}
}

// TestBadInputBesideRealAgents sends what no server sends to healthd and to
// Zabbix's agents, and shows what each does. healthd does as one of them does,
// but where it says so here; it takes the next request, and never much memory.
func TestBadInputBesideRealAgents(t *testing.T) {
	address, _ := healthd(t)
	agents := map[string]string{}
	for _, program := range zabbixtest.Agents {
		agents[program] = zabbixtest.Agent(t, program, map[string]string{"Timeout": "1"}).Addr
	}
	t.Logf("%-30s %-28s %-28s %s", "request", "zabbix_agentd", "zabbix_agent2", "healthd")
	for _, tt := range badCases() {
		t.Run(tt.name, func(t *testing.T) {
			before := resident(t)
			ours := outcome(t, address, tt.request, tt.stay)
			if grown := resident(t) - before; grown > 10<<20 {
				t.Errorf("%d bytes more", grown)
			}
			first, second := outcome(t, agents["zabbix_agentd"], tt.request, tt.stay), outcome(t, agents["zabbix_agent2"], tt.request, tt.stay)
			t.Logf("%-30s %-28s %-28s %s", tt.name, first, second, ours)
			if ours != first && ours != second && (tt.own == "" || !strings.HasPrefix(ours, tt.own)) {
				t.Errorf("healthd: %s", ours)
			}
			if v, err := zbx.Get(t.Context(), address, "agent.ping"); v != "1" {
				t.Errorf("the next request got %q, %v", v, err)
			}
		})
	}
}

// TestStrangerBesideRealAgents: a peer that is not on the list is cut off.
func TestStrangerBesideRealAgents(t *testing.T) {
	address, _ := healthd(t, "--allow", "192.0.2.1")
	addrs := map[string]string{"healthd": address}
	for _, program := range zabbixtest.Agents {
		addrs[program] = zabbixtest.Agent(t, program, map[string]string{"Server": "192.0.2.1"}).Addr
	}
	for name, addr := range addrs {
		if got := outcome(t, addr, zbx.AppendFrame(nil, []byte("agent.ping")), true); got != "closed" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// resident is the memory of this process, in which healthd runs, in bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
