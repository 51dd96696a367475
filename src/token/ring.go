package token

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"sync"
	"time"

	"chatlab/src/errs"
	"chatlab/src/files"
)

// MinKeyLen is the shortest key, in bytes: as long as the hash (RFC 7518, 3.2).
const MinKeyLen = 32

// reloadEvery bounds how often the key file is looked at.
const reloadEvery = time.Second

// Ring holds the signing keys: the first signs, all verify. A ring from a file
// follows it: keys are rotated by rewriting the file, without a restart.
type Ring struct {
	mu      sync.Mutex
	keys    [][]byte
	file    *files.Followed // nil for fixed keys
	checked time.Time
	onError func(error)
}

// NewRing makes a ring of fixed keys.
func NewRing(keys ...[]byte) *Ring { return &Ring{keys: keys} }

// OpenRing reads a key file: one key a line, base64url without padding, at
// least 32 bytes each; empty lines and lines that begin with # are left out.
// onError, which may be nil, hears of each later version of the file that cannot
// be used; the keys read before it stay in force then. Fails with code usage.
func OpenRing(path string, onError func(error)) (*Ring, error) {
	r := &Ring{file: &files.Followed{Path: path}, onError: onError}
	if err := r.load(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Ring) current() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file != nil && time.Since(r.checked) >= reloadEvery {
		if err := r.load(); err != nil && r.onError != nil {
			r.onError(err)
		}
	}
	return r.keys
}

// load reads the file if it has changed since the last time.
func (r *Ring) load() error {
	r.checked = time.Now()
	text, changed, err := r.file.Read()
	if err != nil {
		return errs.E(errs.Usage, "key file: %w", err).WithFix("make one with `lab up`, or give its path")
	}
	if !changed {
		return nil
	}
	keys, err := ParseKeys(text)
	if err != nil {
		return errs.E(errs.Usage, "key file %s: %w", r.file.Path, err)
	}
	r.keys = keys
	return nil
}

// ParseKeys reads the text of a key file.
func ParseKeys(text []byte) ([][]byte, error) {
	var keys [][]byte
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		key, err := base64.RawURLEncoding.DecodeString(line)
		if err != nil {
			return nil, errs.E(errs.Usage, "line %d is not base64url", n)
		}
		if len(key) < MinKeyLen {
			return nil, errs.E(errs.Usage, "line %d has %d bytes, a key needs %d", n, len(key), MinKeyLen)
		}
		keys = append(keys, key)
	}
	if err := lines.Err(); err != nil {
		return nil, errs.E(errs.Usage, "%w", err)
	}
	if len(keys) == 0 {
		return nil, errs.E(errs.Usage, "no key in it")
	}
	return keys, nil
}

// NewKeyLine makes a line for a key file from 32 random bytes, with its LF.
func NewKeyLine() string {
	key := make([]byte, MinKeyLen)
	_, _ = rand.Read(key) // crypto/rand.Read never fails
	return base64.RawURLEncoding.EncodeToString(key) + "\n"
}
