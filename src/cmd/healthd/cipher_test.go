package main

import (
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"chatlab/src/mtls"
	"chatlab/src/testkit/mtlstest"
)

// zabbixCiphers is the list that Zabbix has by default with OpenSSL.
const zabbixCiphers = "EECDH+aRSA+AES128:RSA+aRSA+AES128"

var cipherLine = regexp.MustCompile(`(?m)^TLSCipherCert=(.*)$`)

// CentOS 7 has OpenSSL 1.0.2 without TLS 1.3, so the list decides whether Zabbix can
// speak to healthd and to its agents at all.
func TestZabbixOfCentOS7CanSpeakToTheLab(t *testing.T) {
	ca := mtlstest.NewAuthority(t)
	addr, files := serveTLS(t, ca.Files(mtls.Healthd, "log")), ca.Files(mtls.ZabbixServer, "log")
	for _, name := range []string{"log/etc/zabbix/zabbix_server.conf", "log/etc/zabbix/zabbix_agentd.conf"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", "ansible", "tests", "golden", "el7", name))
		found := cipherLine.FindSubmatch(text)
		if err != nil || found == nil {
			t.Fatalf("%s: no TLSCipherCert: %v", name, err)
		}
		if out, ok := shakeHands(t, addr, files, string(found[1])); !ok {
			t.Errorf("%s: no handshake with %s:\n%s", name, found[1], out)
		}
	}
	if _, ok := shakeHands(t, addr, files, zabbixCiphers); ok {
		t.Error("Zabbix's own list would do: the profile needs none")
	}
}

// serveTLS accepts connections as healthd does until the test ends.
func serveTLS(t *testing.T, files mtls.Files) string {
	t.Helper()
	server, err := config{TLS: files}.serverTLS()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			answer(conn)
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln.Addr().String()
}

func answer(conn net.Conn) {
	_, _ = conn.Write([]byte("well\n")) // it shakes hands first
	_ = conn.Close()
}

func shakeHands(t *testing.T, addr string, files mtls.Files, ciphers string) (string, bool) {
	t.Helper()
	cmd := exec.Command("openssl", "s_client", "-connect", addr, "-tls1_2", "-cipher", ciphers, "-CAfile", files.CA, "-cert", files.Cert, "-key", files.Key)
	cmd.Stdin = strings.NewReader("")
	out, _ := cmd.CombinedOutput()
	return string(out), strings.Contains(string(out), "Cipher is ECDHE-ECDSA")
}
