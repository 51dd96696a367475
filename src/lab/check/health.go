package check

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"chatlab/src/lab/inventory"
	"chatlab/src/mtls"
)

// healthChecks proves that healthd of each node answers as a Zabbix agent, in
// both forms of the passive protocol.
func healthChecks(j *Journey) []Check {
	var checks []Check
	for _, at := range j.serving(partHealth) {
		add := func(name, text string, run func(ctx context.Context, e *Env, at endpoint) error) {
			checks = append(checks, Check{Name: name + "." + at.node, Text: text + " on " + at.node, Node: at.node,
				Run: func(ctx context.Context, e *Env) error { return run(ctx, e, at) }})
		}
		add("health.ping", "healthd answers agent.ping in both protocols", healthPing)
		add("health.up", "healthd finds auth, chat and logd up", healthUp)
		add("health.discovery", "healthd discovers the services", healthDiscovery)
		add("health.unknown", "healthd says that it does not know a key", healthUnknown)
	}
	return j.group(partHealth, "healthd's log (`lab status` says where): does its `allow` have this machine? `healthd get KEY` on the node", checks)
}

// zabbixHeader is "ZBXD" and the flag of a plain, uncompressed body.
const zabbixHeader = "ZBXD\x01"

// maxZabbix bounds an answer, in bytes.
const maxZabbix = 1 << 20

// ask sends one request of the passive protocol and returns the answer.
func ask(ctx context.Context, dial dialer, addr, request string) (string, error) {
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	until, ok := ctx.Deadline()
	if !ok {
		until = time.Now().Add(DefaultTimeout)
	}
	if err := conn.SetDeadline(until); err != nil {
		return "", err
	}
	frame := append([]byte(zabbixHeader), 0, 0, 0, 0, 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(frame[len(zabbixHeader):], uint32(len(request))) //nolint:gosec // requests are short
	if _, err := conn.Write(append(frame, request...)); err != nil {
		return "", err
	}
	var head [13]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return "", fmt.Errorf("no answer to %s: %w", request, err)
	}
	size := binary.LittleEndian.Uint32(head[5:])
	if !bytes.HasPrefix(head[:], []byte(zabbixHeader)) || size > maxZabbix {
		return "", failf("a frame ZBXD 1", "%q", head[:])
	}
	body := make([]byte, size)
	_, err = io.ReadFull(conn, body)
	return string(body), err
}

// dialHealth connects to healthd: with certificates where a Zabbix server
// watches the lab, as that does.
func (j *Journey) dialHealth(ctx context.Context, network, addr string) (net.Conn, error) {
	raw, err := j.lab.Target.Dial(ctx, network, addr)
	if err != nil || len(j.lab.Inventory.Members(inventory.ZabbixServer)) == 0 {
		return raw, err
	}
	config, err := j.operatorTLS(mtls.Healthd)
	if err != nil {
		raw.Close()
		return nil, err
	}
	config.ServerName, _, _ = net.SplitHostPort(addr)
	return tls.Client(raw, config), nil
}

// value asks for a key in the form of agents up to 6.4: the key alone.
func value(ctx context.Context, dial dialer, addr, key string) (string, error) {
	return ask(ctx, dial, addr, key)
}

// value7 asks for a key in the JSON form of 7.0.
func value7(ctx context.Context, dial dialer, addr, key string) (string, error) {
	text, err := ask(ctx, dial, addr, fmt.Sprintf(`{"request":"passive checks","data":[{"key":%s,"timeout":3}]}`, jsonText(key)))
	if err != nil {
		return "", err
	}
	var doc struct {
		Data []struct {
			Value *string
			Error string
		}
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || len(doc.Data) != 1 {
		return "", failf(`{"data":[{"value":…}]}`, "%s", text)
	}
	if doc.Data[0].Value == nil {
		return "", failf("a value of "+key, "error %q", doc.Data[0].Error)
	}
	return *doc.Data[0].Value, nil
}

// forms are the two forms of the passive protocol.
var forms = []struct {
	name string
	get  func(ctx context.Context, dial dialer, addr, key string) (string, error)
}{{"key", value}, {"JSON", value7}}

// both asks in both forms and states that the values are as wanted.
func (e *Env) both(ctx context.Context, at endpoint, key, want string) error {
	for _, form := range forms {
		got, err := form.get(ctx, e.dialHealth, at.addr, key)
		if err != nil {
			return fmt.Errorf("%s, asked by %s: %w", key, form.name, err)
		}
		e.Same(key+", asked by "+form.name+",", want, got)
	}
	return nil
}

func healthPing(ctx context.Context, e *Env, at endpoint) error {
	return e.both(ctx, at, "agent.ping", "1")
}

func healthUp(ctx context.Context, e *Env, at endpoint) error {
	for _, service := range []string{"auth", "chat", "logd"} {
		if err := e.both(ctx, at, "chatlab.up["+service+"]", "1"); err != nil {
			return err
		}
	}
	return nil
}

func healthDiscovery(ctx context.Context, e *Env, at endpoint) error {
	for _, form := range forms {
		text, err := form.get(ctx, e.dialHealth, at.addr, "chatlab.discovery")
		if err != nil {
			return err
		}
		var found any
		if err := json.Unmarshal([]byte(text), &found); err != nil {
			return failf("a discovery in JSON", "%s", text)
		}
		for _, service := range []string{"auth", "chat", "logd"} {
			e.True(strings.Contains(text, `"{#`) && strings.Contains(text, `"`+service+`"`), "macros {#…} with the service "+service, "%s", text)
		}
	}
	return nil
}

func healthUnknown(ctx context.Context, e *Env, at endpoint) error {
	text, err := value(ctx, e.dialHealth, at.addr, "chatlab.nosuch")
	if err != nil {
		return err
	}
	reason, unsupported := strings.CutPrefix(text, "ZBX_NOTSUPPORTED\x00")
	e.True(unsupported && reason != "", "ZBX_NOTSUPPORTED with a reason", "%q", text)
	return nil
}
