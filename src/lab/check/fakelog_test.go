package check

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/mtls"
)

// serveRelay is a log server after src/event/doc.go.
func (f *fake) serveRelay(t *testing.T) func(net.Conn) {
	t.Helper()
	config := f.tls(t, mtls.Logd)
	switch {
	case f.has("any role"):
		config.VerifyConnection = nil
	case f.has("no client certificate"):
		config.ClientAuth, config.VerifyConnection = tls.NoClientCert, nil
	case f.has("any certificate"):
		config.ClientAuth, config.VerifyConnection = tls.RequireAnyClientCert, nil
	}
	return func(conn net.Conn) {
		if f.has("silent") {
			_, _ = io.Copy(io.Discard, conn)
			return
		}
		if !f.has("no TLS") {
			conn = tls.Server(conn, config)
		}
		f.relay(conn)
	}
}

// serveEnded is authd's listener for the chat servers, which no check reads.
func (f *fake) serveEnded(t *testing.T) func(net.Conn) {
	t.Helper()
	config := f.tls(t, mtls.Authd)
	if f.has("any role at authd") {
		config.VerifyConnection = nil
	}
	return func(conn net.Conn) { _, _ = io.Copy(io.Discard, tls.Server(conn, config)) }
}

// tls is the configuration of a listener that admits as a role does.
func (f *fake) tls(t *testing.T, role mtls.Role) *tls.Config {
	t.Helper()
	pair := filepath.Join(f.dir, "one-"+string(role))
	config, err := mtls.Server(mtls.Files{CA: filepath.Join(f.dir, "ca.pem"), Cert: pair + ".pem", Key: pair + ".key"}, mtls.Admitted(role)...)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func (f *fake) relay(conn net.Conn) {
	if _, err := conn.Write([]byte("ack 0\n")); err != nil {
		return
	}
	lines := bufio.NewScanner(conn)
	for n := uint64(1); lines.Scan(); n++ {
		e, err := event.Parse(lines.Bytes(), time.Now())
		if err != nil && !f.has("takes garbage") {
			_, _ = conn.Write(event.AppendReply(nil, event.Reply{Code: errs.BadEvent, Line: n, Text: "no"}))
			return
		}
		if err == nil {
			f.record(e)
		}
		if _, err := conn.Write(event.AppendAck(nil, n)); err != nil {
			return
		}
	}
}

// serveHealth is a Zabbix agent, both forms of the passive protocol.
func (f *fake) serveHealth(conn net.Conn) {
	var head [13]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return
	}
	body := make([]byte, binary.LittleEndian.Uint32(head[5:9]))
	if _, err := io.ReadFull(conn, body); err != nil {
		return
	}
	key, isJSON := string(body), false
	if rest, found := strings.CutPrefix(key, `{"request":"passive checks","data":[{"key":"`); found {
		key, _, _ = strings.Cut(rest, `"`)
		isJSON = true
	}
	var answer string
	switch {
	case key == "agent.ping" && f.has("ping 0"):
		answer = "0"
	case key == "chatlab.up[chat]" && f.has("finds chat down"):
		answer = "0"
	case key == "agent.ping", strings.HasPrefix(key, "chatlab.up["):
		answer = "1"
	case key == "chatlab.discovery" && f.has("half discovered"):
		answer = `[{"{#SERVICE}":"auth"}]`
	case key == "chatlab.discovery":
		answer = `[{"{#SERVICE}":"auth"},{"{#SERVICE}":"chat"},{"{#SERVICE}":"logd"}]`
	case !f.has("knows all"):
		answer = "ZBX_NOTSUPPORTED\x00Unknown key."
	}
	if isJSON && !f.has("old only") {
		answer = jsonText(map[string]any{"version": "x", "variant": 2, "data": []any{map[string]string{"value": answer}}})
	}
	frame := append([]byte(zabbixHeader), 0, 0, 0, 0, 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(frame[5:], uint32(len(answer)))
	fmt.Fprintf(conn, "%s%s", frame, answer)
}
