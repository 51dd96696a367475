package nspawn

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"chatlab/src/errs"
	"chatlab/src/files"
)

// ensureKey makes an SSH key in a file, 0600, unless it is there, and returns
// its public half.
func ensureKey(path, comment string) (ssh.PublicKey, error) {
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		if text, err = newKey(comment); err == nil {
			err = files.Update(path, text, 0o600)
		}
	}
	if err != nil {
		return nil, errs.E(errs.Usage, "SSH key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, errs.E(errs.Usage, "SSH key %s: %w", path, err).WithFix("remove it: `lab up` makes a new one")
	}
	return signer.PublicKey(), nil
}

func newKey(comment string) ([]byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, comment)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(block), nil
}

// knownHosts makes the file by which the machines are known.
func knownHosts(keys map[string]ssh.PublicKey, order []string) []byte {
	var b bytes.Buffer
	for _, addr := range order {
		b.WriteString(knownhosts.Line([]string{addr}, keys[addr]) + "\n")
	}
	return b.Bytes()
}
