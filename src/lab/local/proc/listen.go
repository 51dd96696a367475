package proc

import (
	"bufio"
	"encoding/hex"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// listening is the state of a listening socket in /proc/net/tcp.
const listening = "0A"

// Listener returns the process that listens on host:port, or on all addresses
// at that port. It is false when nothing does, or when the process is another
// user's and cannot be seen.
func Listener(addr string) (Process, bool) {
	inodes := listenInodes(addr)
	if len(inodes) == 0 {
		return Process{}, false
	}
	for _, p := range All() {
		if holds(p.PID, inodes) {
			return p, true
		}
	}
	return Process{}, false
}

// ListensOn tells whether a process has a listening socket for host:port.
func ListensOn(pid int, addr string) bool {
	inodes := listenInodes(addr)
	return len(inodes) > 0 && holds(pid, inodes)
}

func holds(pid int, inodes []string) bool {
	return slices.ContainsFunc(sockets(pid), func(inode string) bool { return slices.Contains(inodes, inode) })
}

// listenInodes finds the sockets that take connections to host:port.
func listenInodes(addr string) []string {
	want, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil
	}
	var out []string
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		out = append(out, parseTable(f, want)...)
		_ = f.Close()
	}
	return out
}

// parseTable reads lines `sl local_address rem_address st … inode …`.
func parseTable(r io.Reader, want netip.AddrPort) []string {
	var out []string
	for lines := bufio.NewScanner(r); lines.Scan(); {
		field := strings.Fields(lines.Text())
		if len(field) < 10 || field[3] != listening {
			continue
		}
		local, ok := parseHex(field[1])
		if ok && local.Port() == want.Port() && (local.Addr() == want.Addr() || local.Addr().IsUnspecified()) {
			out = append(out, field[9])
		}
	}
	return out
}

// parseHex reads ADDRESS:PORT in hexadecimal; the address is in words of 32
// bits, each in the byte order of the machine, which is taken as little-endian.
func parseHex(s string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || err2 != nil || (len(raw) != 4 && len(raw) != 16) {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		slices.Reverse(raw[i : i+4])
	}
	a, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), true
}
