package zabbixtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"maps"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"chatlab/src/mtls"
	"chatlab/src/zbx"
)

// Agents are Zabbix's two agents, by the name of their program.
var Agents = []string{"zabbix_agentd", "zabbix_agent2"}

// Agent runs zabbix_agentd or zabbix_agent2, which answers 127.0.0.1, with
// further settings of its configuration file.
func Agent(t testing.TB, program string, more map[string]string) *Process {
	t.Helper()
	path, dir, addr := Program(t, program), shortDir(t), FreeAddr(t)
	host, port, _ := net.SplitHostPort(addr)
	settings := map[string]string{
		"LogType": "console", "ListenIP": host, "ListenPort": port, "Server": "127.0.0.1", "Hostname": "test",
		"PidFile": filepath.Join(dir, "pid"),
	}
	if program == "zabbix_agent2" {
		settings["ControlSocket"] = filepath.Join(dir, "control")
	} else if os.Geteuid() == 0 {
		settings["AllowRoot"] = "1"
	}
	maps.Copy(settings, more)
	config := filepath.Join(dir, "agent.conf")
	write(t, config, settings)
	p := start(t, addr, exec.Command(path, "-f", "-c", config))
	p.wait(t, "does not listen", func(ctx context.Context) error {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
	if more["Server"] == "" && more["TLSAccept"] == "" {
		p.wait(t, "does not answer", func(ctx context.Context) error { _, err := zbx.Get(ctx, addr, "agent.ping"); return err })
	}
	return p
}

// TLSSettings are those of Zabbix's configuration files for certificates.
func TLSSettings(f mtls.Files) map[string]string {
	return map[string]string{"TLSConnect": "cert", "TLSAccept": "cert", "TLSCAFile": f.CA, "TLSCertFile": f.Cert, "TLSKeyFile": f.Key}
}

// CipherECDSA is TLSCipherCert of zabbix_agentd and zabbix_server where they are
// built with GnuTLS, as Debian's: without it they take RSA certificates only.
// Agent 2 needs no setting.
const CipherECDSA = "NONE:+VERS-TLS1.2:+ECDHE-ECDSA:+AES-128-GCM:+AES-256-GCM:+AEAD:+CURVE-ALL:+SIGN-ALL:+COMP-NULL:+CTYPE-X.509"

// Certificates makes a CA and a certificate of it for 127.0.0.1, of the role of Zabbix's
// server and good for both sides. The key is RSA, or ECDSA as the lab's are.
func Certificates(t testing.TB, rsaKey bool) mtls.Files {
	t.Helper()
	dir := t.TempDir()
	caKey, key := newKey(t, rsaKey), newKey(t, rsaKey)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		URIs:     []*url.URL{mtls.Identity{Role: mtls.ZabbixServer, Node: "test"}.URI()},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return mtls.Files{
		CA:   writePEM(t, dir, "ca.pem", "CERTIFICATE", sign(t, ca, ca, caKey, caKey)),
		Cert: writePEM(t, dir, "cert.pem", "CERTIFICATE", sign(t, leaf, ca, key, caKey)),
		Key:  writePEM(t, dir, "key.pem", "PRIVATE KEY", keyDER),
	}
}

func newKey(t testing.TB, rsaKey bool) any {
	t.Helper()
	var key any
	var err error
	if rsaKey {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, cert, parent *x509.Certificate, key, by any) []byte {
	t.Helper()
	public := func() any {
		switch k := key.(type) {
		case *rsa.PrivateKey:
			return k.Public()
		case *ecdsa.PrivateKey:
			return k.Public()
		}
		return nil
	}()
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, public, by)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func writePEM(t testing.TB, dir, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func itoa(n int) string { return strconv.Itoa(n) }

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
