package local

import (
	"cmp"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/local/supervisor"
	"chatlab/src/lab/pki"
	"chatlab/src/mtls"
)

// tree is a YAML mapping.
type tree map[string]any

func (t *Target) configPath(name string, n inventory.Node) string {
	return t.path("etc", n.Name+"-"+name+".yml")
}

// configs returns the text of every configuration file by its path.
func (t *Target) configs() (map[string][]byte, error) {
	trees := map[string]tree{filepath.Join(t.state, "client.yaml"): t.client()}
	for _, n := range t.inv.Nodes {
		for name, make := range map[string]func(inventory.Node) tree{
			inventory.Logd: t.logd, inventory.Authd: t.authd, inventory.Chatd: t.chatd, inventory.Healthd: t.healthd,
		} {
			if !slices.Contains(t.inv.Members(name), n) {
				continue
			}
			trees[t.configPath(name, n)] = make(n)
			if name == inventory.Authd || name == inventory.Chatd {
				trees[t.configPath(name+"-logger", n)] = t.logger(name, n)
			}
		}
	}
	out := map[string][]byte{}
	for path, tr := range trees {
		text, err := yaml.Marshal(tr)
		if err != nil {
			return nil, errs.E(errs.Failed, "configuration: %w", err)
		}
		out[path] = append([]byte("# Written by `lab up` from the inventory; changes are lost.\n"), text...)
	}
	if peers := t.peers(); peers != "" {
		out[t.peersPath()] = []byte(peers)
	}
	return out, nil
}

func (t *Target) peersPath() string { return t.path("etc", "chatd.peers") }

// peers names the chat servers for each other, where there are several.
func (t *Target) peers() string {
	var out strings.Builder
	if len(t.inv.PeerAddresses(inventory.Chatd)) > 0 {
		for _, n := range t.inv.Members(inventory.Chatd) {
			fmt.Fprintf(&out, "%s %s\n", n.Name, t.inv.PeerAddress(inventory.Chatd, n))
		}
	}
	return out.String()
}

// daemonTree has the keys that every daemon takes.
func (t *Target) daemonTree(name string, n inventory.Node, more tree) tree {
	more["listen"] = t.inv.Address(name, n)
	more["ops"] = tree{"listen": t.inv.OpsAddress(name, n)}
	more["log_level"] = "info"
	return more
}

func (t *Target) authd(n inventory.Node) tree {
	private := t.tls(n, string(mtls.Authd))
	private["listen"] = t.inv.AuthPrivateAddress(n)
	return t.daemonTree(inventory.Authd, n, tree{
		"tls":      t.public(n, inventory.Authd, mtls.AuthPublic),
		"private":  private,
		"database": tree{"driver": "sqlite", "path": t.data(n.Name, "authd", "users.db")},
		"token":    tree{"key_file": t.secret("jwt.key")},
		"password": tree{"min_length": t.inv.PasswordMinLength(), "refuse_common": t.inv.RefusesCommonPasswords()},
		"logger":   t.loggerCommand(inventory.Authd, n),
	})
}

// keepBytes is how much of the chat a lab on this machine keeps, in bytes.
const keepBytes = 64 << 20

func (t *Target) chatd(n inventory.Node) tree {
	auth := t.tls(n, string(mtls.ChatdAuthd))
	auth["addresses"] = t.inv.AuthPrivateAddresses()
	more := tree{
		"tls":      t.public(n, inventory.Chatd, mtls.ChatPublic),
		"auth":     auth,
		"node":     n.Name,
		"data_dir": t.data(n.Name, "chatd"),
		"token":    tree{"key_file": t.secret("jwt.key")},
		"logger":   t.loggerCommand(inventory.Chatd, n),
		"limits":   tree{"keep_bytes": keepBytes}, // a laptop's disk holds more than a lab's chat
	}
	if len(t.inv.PeerAddresses(inventory.Chatd)) > 0 {
		cluster := t.tls(n, string(mtls.Chatd))
		cluster["listen"], cluster["peers_file"] = t.inv.PeerAddress(inventory.Chatd, n), t.peersPath()
		more["cluster"] = cluster
	}
	return t.daemonTree(inventory.Chatd, n, more)
}

func (t *Target) loggerCommand(parent string, n inventory.Node) tree {
	return tree{"command": t.binary("logger"), "config": t.configPath(parent+"-logger", n)}
}

func (t *Target) logger(parent string, n inventory.Node) tree {
	return tree{
		"spool":     tree{"dir": t.data(n.Name, parent+"-logger"), "max_bytes": 256 << 20},
		"logd":      t.inv.Addresses(inventory.Logd),
		"tls":       t.tls(n, parent+"-logger"),
		"ops":       tree{"listen": t.inv.OpsAddress(parent+"_logger", n)},
		"log_level": "info",
	}
}

func (t *Target) logd(n inventory.Node) tree {
	return t.daemonTree(inventory.Logd, n, tree{
		"tls":     t.tls(n, string(mtls.Logd)),
		"mongodb": tree{"uri": t.MongoURI(), "database": "chatlab", "collection": "Logdata", "tls": t.tls(n, pki.LogdMongoDB)},
		// The embedded database reads all it has for a question about old events.
		"retention": tree{"events": cmp.Or(t.inv.Var("chatlab_logd_retention_events"), "200000"), "age": cmp.Or(t.inv.Var("chatlab_logd_retention_age"), "0s")},
	})
}

// tls names the files of a node's certificate for a purpose.
func (t *Target) tls(n inventory.Node, purpose string) tree {
	f := t.files(n, purpose)
	return tree{"ca": f.CA, "cert": f.Cert, "key": f.Key}
}

// public names the files of a public listener's certificate; none where it has no TLS.
func (t *Target) public(n inventory.Node, service string, role mtls.Role) tree {
	if !t.inv.TLS(service) {
		return tree{}
	}
	f := t.files(n, string(role))
	return tree{"cert": f.Cert, "key": f.Key}
}

func (t *Target) files(n inventory.Node, purpose string) mtls.Files {
	name := pki.Name(n, purpose)
	return mtls.Files{CA: t.secret("ca.pem"), Cert: t.secret(name + ".pem"), Key: t.secret(name + ".key")}
}

// healthd answers the machines of the lab. On one machine a connection to any
// loopback address comes from 127.0.0.1 unless its sender binds another one.
func (t *Target) healthd(n inventory.Node) tree {
	allow := []string{"127.0.0.1"}
	for _, node := range t.inv.Nodes {
		allow = append(allow, node.Private.String())
	}
	return t.daemonTree(inventory.Healthd, n, tree{
		"node":     n.Name,
		"data_dir": t.data(n.Name, "healthd"),
		"allow":    allow,
		"certs":    t.certificates(n),
		// The log database admits log servers and the operator only.
		"mongodb_by_logd": true,
		"services": tree{
			"auth": t.inv.Addresses(inventory.Authd), "auth_ops": t.inv.OpsAddresses(inventory.Authd),
			"chat": t.inv.Addresses(inventory.Chatd), "chat_ops": t.inv.OpsAddresses(inventory.Chatd),
			"logd": t.inv.Addresses(inventory.Logd), "logd_ops": t.inv.OpsAddresses(inventory.Logd),
			"auth_tls": t.inv.TLS(inventory.Authd), "chat_tls": t.inv.TLS(inventory.Chatd), "ca": t.secret("ca.pem"),
			"auth_logger_ops": t.loggerOps(inventory.Authd), "chat_logger_ops": t.loggerOps(inventory.Chatd),
		},
	})
}

// certificates lists the files of the authority and of a node's certificates.
func (t *Target) certificates(n inventory.Node) []string {
	out := []string{t.secret("ca.pem")}
	for _, c := range pki.Plan(t.inv) {
		if c.Node == n.Name {
			out = append(out, t.secret(c.Name+".pem"))
		}
	}
	return out
}

// loggerOps returns the ops listeners of the loggers of authd or chatd.
func (t *Target) loggerOps(parent string) []string {
	var out []string
	for _, n := range t.inv.Members(parent) {
		out = append(out, t.inv.OpsAddress(parent+"_logger", n))
	}
	return out
}

func (t *Target) client() tree {
	out := tree{"auth": t.inv.Servers(inventory.Authd), "chat": t.inv.Servers(inventory.Chatd)}
	if t.inv.AnyTLS() {
		out["ca"] = t.secret("ca.pem")
	}
	return out
}

// plan returns what the supervisor has to run. Its fingerprint changes with
// the programs, their arguments and their configuration; keys and
// certificates are followed live and do not count.
func (t *Target) plan(configs map[string][]byte) (supervisor.Plan, error) {
	plan := supervisor.Plan{Services: t.services()}
	sum := sha256.New()
	if err := json.NewEncoder(sum).Encode(plan); err != nil {
		return plan, errs.E(errs.Failed, "plan: %w", err)
	}
	if err := json.NewEncoder(sum).Encode(configs); err != nil { // maps are written in the order of their keys
		return plan, errs.E(errs.Failed, "plan: %w", err)
	}
	for _, name := range binaries() {
		fmt.Fprintln(sum, name, buildID(t.binary(name)))
	}
	plan.Fingerprint = hex.EncodeToString(sum.Sum(nil)[:16])
	return plan, nil
}

// buildID returns what identifies a program: the note that the Go linker
// writes, or size and time of anything else.
func buildID(path string) string {
	if f, err := elf.Open(path); err == nil {
		defer f.Close()
		if note := f.Section(".note.go.buildid"); note != nil {
			if text, err := note.Data(); err == nil {
				return hex.EncodeToString(text)
			}
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano())
}
