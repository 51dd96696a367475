package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/mtls"
	"chatlab/src/testkit/zabbixtest"
	"chatlab/src/zbx"
)

// transports are the ways in which two programs may speak. Zabbix's programs in
// C are built with GnuTLS in Debian, and with certificates they offer RSA only;
// zabbix_agentd and zabbix_server can be told otherwise (TLSCipherCert),
// zabbix_get and zabbix_sender cannot: their --tls-cipher is for PSK.
var transports = []string{"plain", "TLS with RSA", "TLS with ECDSA"}

func certificates(t *testing.T, transport string) mtls.Files {
	t.Helper()
	if transport == "plain" {
		return mtls.Files{}
	}
	return zabbixtest.Certificates(t, transport == "TLS with RSA")
}

// tlsArgs are healthd's, tlsOptions those of zabbix_get and zabbix_sender.
func tlsArgs(f mtls.Files) []string {
	if !f.Set() {
		return nil
	}
	return []string{"--tls.ca=" + f.CA, "--tls.cert=" + f.Cert, "--tls.key=" + f.Key}
}

func tlsOptions(f mtls.Files) []string {
	if !f.Set() {
		return nil
	}
	return []string{"--tls-connect=cert", "--tls-ca-file=" + f.CA, "--tls-cert-file=" + f.Cert, "--tls-key-file=" + f.Key}
}

func peer(t *testing.T, addr string, f mtls.Files) zbx.Peer {
	t.Helper()
	cfg := defaults()
	cfg.TLS = f
	config, err := cfg.clientTLS()
	if err != nil {
		t.Fatal(err)
	}
	return zbx.Peer{Addr: addr, TLS: config}
}

// output runs a program and returns what it prints, whatever its status.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), zabbixtest.Program(t, name), args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// zabbixGet asks with the real zabbix_get.
func zabbixGet(t *testing.T, addr, key string, options ...string) string {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	return output(t, "zabbix_get", append([]string{"-s", host, "-p", port, "-t", "5", "-k", key}, options...)...)
}

func TestRealZabbixGetAsksHealthd(t *testing.T) {
	for _, transport := range transports[:2] {
		t.Run(transport, func(t *testing.T) {
			files := certificates(t, transport)
			address, _ := healthd(t, append([]string{"--node", "log", "--services.logd", "127.0.0.1:1"}, tlsArgs(files)...)...)
			for key, want := range map[string]string{
				"agent.ping":        "1",
				"agent.version":     app.Version(),
				"chatlab.up[logd]":  "0",
				"chatlab.up[auth]":  "ZBX_NOTSUPPORTED: No address of auth is configured.",
				"chatlab.discovery": `[{"{#ADDRESS}":"127.0.0.1","{#MEMBER}":"127.0.0.1:1","{#NODE}":"log","{#OPS}":"","{#PORT}":"1","{#SERVICE}":"logd"}]`,
				"vfs.fs.size[/]":    "ZBX_NOTSUPPORTED: Unsupported item key.",
				"chatlab.up[":       "ZBX_NOTSUPPORTED: Invalid item key format.",
			} {
				if got := zabbixGet(t, address, key, tlsOptions(files)...); got != want {
					t.Errorf("%s: %q, want %q", key, got, want)
				}
			}
			if transport != "plain" {
				if got := zabbixGet(t, address, "agent.ping"); got == "1" {
					t.Error("healthd answers without TLS")
				}
				stranger := certificates(t, transport)
				if got := zabbixGet(t, address, "agent.ping", tlsOptions(stranger)...); got == "1" {
					t.Error("healthd answers a certificate of another CA")
				}
			}
		})
	}
}

func TestOurGetAsksRealAgents(t *testing.T) {
	for _, program := range zabbixtest.Agents {
		for _, transport := range transports {
			t.Run(program+" "+transport, func(t *testing.T) {
				files := certificates(t, transport)
				settings := map[string]string{}
				if files.Set() {
					maps.Copy(settings, zabbixtest.TLSSettings(files))
				}
				if transport == "TLS with ECDSA" && program == "zabbix_agentd" {
					settings["TLSCipherCert"] = zabbixtest.CipherECDSA
				}
				agent := zabbixtest.Agent(t, program, settings)
				p := peer(t, agent.Addr, files)
				if v, err := p.Get(t.Context(), "agent.ping"); v != "1" || err != nil {
					t.Fatalf("agent.ping: %q, %v\n%s", v, err, agent.Log())
				}
				if v, err := p.Get(t.Context(), "nope[a]"); v != "" || !errs.Is(err, errs.Failed) || errs.Public(err) == "" {
					t.Errorf("nope: %q, %v", v, err)
				}
				if v, err := p.Get(t.Context(), "agent.hostname"); v != "test" || err != nil {
					t.Errorf("agent.hostname: %q, %v", v, err)
				}
				// The 6.0 agents take the 7.0 form for a key: that is said.
				if v, err := p.GetJSON(t.Context(), "agent.ping", 3*time.Second); v != "" || !errs.Is(err, errs.Unavailable) {
					t.Errorf("the form of 7.0: %q, %v", v, err)
				}
				if files.Set() {
					if v, err := zbx.Get(t.Context(), agent.Addr, "agent.ping"); err == nil {
						t.Errorf("without TLS: %q", v)
					}
				}
			})
		}
	}
}

// A sender is no server: an agent, and healthd, take its request for a key that
// they do not know.
func TestRealZabbixSenderAtAnAgentsPort(t *testing.T) {
	address, _ := healthd(t)
	agent := zabbixtest.Agent(t, "zabbix_agentd", nil)
	said := map[string]string{}
	for name, addr := range map[string]string{"healthd": address, "zabbix_agentd": agent.Addr} {
		host, port, _ := net.SplitHostPort(addr)
		said[name] = output(t, "zabbix_sender", "-z", host, "-p", port, "-s", "test", "-k", "k", "-o", "1")
		if !strings.Contains(said[name], "sent: 1") && !strings.Contains(said[name], "Sending failed") {
			t.Errorf("%s: %q", name, said[name])
		}
	}
	if strings.Contains(said["healthd"], "processed: 1") {
		t.Errorf("healthd seems to take values: %q", said["healthd"])
	}
}

// watched is a Zabbix server with its API.
type watched struct {
	*zabbixtest.Server
	api   *zabbixtest.API
	files mtls.Files
	n     int
}

type item struct {
	Key     string `json:"key_"`
	Value   string `json:"lastvalue"`
	State   string `json:"state"`
	Problem string `json:"error"`
	Clock   string `json:"lastclock"`
	ID      string `json:"itemid"`
}

// Zabbix's item types and value types.
const (
	passive, trapperItem, active = 0, 2, 7
	text                         = 4
)

// host makes a host with items and returns its name.
func (w *watched) host(t *testing.T, addr string, encrypted bool, kind int, delay string, keys ...string) string {
	t.Helper()
	w.n++
	name := fmt.Sprintf("host%d", w.n)
	ip, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	level := 1 // no encryption
	if encrypted {
		level = 4 // certificate
	}
	var groups struct{ Groupids []string }
	w.api.Call(t, "hostgroup.create", map[string]any{"name": "group of " + name}, &groups)
	var hosts struct{ Hostids []string }
	w.api.Call(t, "host.create", map[string]any{"host": name, "groups": []any{map[string]any{"groupid": groups.Groupids[0]}},
		"tls_connect": level, "tls_accept": level,
		"interfaces": []any{map[string]any{"type": 1, "main": 1, "useip": 1, "ip": ip, "dns": "", "port": port}}}, &hosts)
	var interfaces []struct{ Interfaceid string }
	w.api.Call(t, "hostinterface.get", map[string]any{"hostids": hosts.Hostids}, &interfaces)
	for _, key := range keys {
		params := map[string]any{"hostid": hosts.Hostids[0], "name": key, "key_": key, "type": kind, "value_type": text}
		if kind != trapperItem {
			params["delay"] = delay
		}
		if kind == passive {
			params["interfaceid"] = interfaces[0].Interfaceid
		}
		w.api.Call(t, "item.create", params, nil)
	}
	return name
}

// await waits until the items of a host are as wanted.
func (w *watched) await(t *testing.T, host, what string, ok func(map[string]item) bool) map[string]item {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		var list []item
		w.api.Call(t, "item.get", map[string]any{"host": host, "output": "extend"}, &list)
		items := map[string]item{}
		for _, i := range list {
			items[i.Key] = i
		}
		if ok(items) {
			return items
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("%s: %+v\n%s", what, items, w.Log())
		}
	}
}
