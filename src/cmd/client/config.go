package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"go.yaml.in/yaml/v3"

	"chatlab/src/errs"
)

// settings are where the servers are. Keys of the file: auth (base URLs of auth
// servers, in the order in which they are tried), chat (host:port of chat
// servers, or tls://host:port), room, ca (PEM file of the CA of servers with TLS; without
// it the system's). A list of one may be written as its element.
type settings struct {
	Auth, Chat []string
	Room, CA   string
}

const (
	labFile    = ".lab/client.yaml" // in this folder or one above
	systemFile = "/etc/chatlab/client.yaml"
)

// findFile returns the file that is read: the one named, else $CLIENT_CONFIG,
// else a lab's in this folder or one above, else that of the user's own lab in stateHome,
// else the system's; "" if there is none. A lab's file has to be the user's own or root's: it says where passwords go.
func findFile(named, fromEnv, folder, stateHome string) string {
	if named != "" {
		return named
	}
	if fromEnv != "" {
		return fromEnv
	}
	for dir := folder; dir != ""; dir = filepath.Dir(dir) {
		if path := filepath.Join(dir, labFile); trusted(path) {
			return path
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if path := filepath.Join(stateHome, "client.yaml"); stateHome != "" && trusted(path) {
		return path
	}
	if _, err := os.Stat(systemFile); err == nil {
		return systemFile
	}
	return ""
}

func trusted(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && (owner.Uid == 0 || int(owner.Uid) == os.Geteuid())
}

// readSettings reads a file. Fails with code usage, naming an unknown key.
func readSettings(path string) (settings, error) {
	if path == "" {
		return settings{}, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return settings{}, errs.E(errs.Usage, "configuration %s: %w", path, err)
	}
	s, err := parseSettings(text)
	if err != nil {
		return settings{}, errs.E(errs.Usage, "configuration %s: %w", path, err).WithFix("its keys are auth, chat, room and ca")
	}
	return s, nil
}

func parseSettings(text []byte) (settings, error) {
	var s settings
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return s, errs.E(errs.Usage, "it is not YAML: %w", err)
	}
	if len(doc.Content) == 0 {
		return s, nil
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return s, errs.E(errs.Usage, "line %d: it has to be a list of keys", top.Line)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		if seen[key.Value] {
			return s, errs.E(errs.Usage, "line %d: key %s stands twice", key.Line, key.Value)
		}
		seen[key.Value] = true
		if err := s.set(key, value); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *settings) set(key, value *yaml.Node) error {
	var err error
	switch key.Value {
	case "auth":
		s.Auth, err = list(value)
	case "chat":
		s.Chat, err = list(value)
	case "room":
		err = value.Decode(&s.Room)
	case "ca":
		err = value.Decode(&s.CA)
	default:
		return errs.E(errs.Usage, "line %d: unknown key: %s", key.Line, key.Value)
	}
	if err != nil {
		return errs.E(errs.Usage, "line %d: %s has a value of the wrong type", value.Line, key.Value)
	}
	return nil
}

func list(value *yaml.Node) (out []string, err error) {
	if value.Kind == yaml.ScalarNode {
		var one string
		err = value.Decode(&one)
		return []string{one}, err
	}
	err = value.Decode(&out)
	return out, err
}
