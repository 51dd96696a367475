package token

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

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
	fault   error // why the file's present content is not used
	onError func(error)
}

// NewRing makes a ring of fixed keys.
func NewRing(keys ...[]byte) *Ring { return &Ring{keys: keys} }

// OpenRing reads a key file: one key a line, base64url without padding, at
// least 32 bytes each; empty lines and lines that begin with # are left out.
// onError, which may be nil, hears when the file cannot be used any more; the keys
// read before stay in force then. Fails with code usage.
func OpenRing(path string, onError func(error)) (*Ring, error) {
	r := &Ring{file: &files.Followed{Path: path}}
	if err := r.load(); err != nil {
		return nil, err
	}
	r.onError = onError
	return r, nil
}

func (r *Ring) current() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file != nil && time.Since(r.checked) >= reloadEvery {
		_ = r.load() // kept as the fault
	}
	return r.keys
}

// Fault returns why the key file cannot be used now, or nil: the keys read before
// are in force then.
func (r *Ring) Fault() error {
	r.current()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fault
}

// Watch has a registry tell whether the key file can be used.
func (r *Ring) Watch(reg prometheus.Registerer) {
	promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "chatlab_token_keys_bad", Help: "1 while the key file cannot be used, and the keys read before are in force.",
	}, func() float64 {
		if r.Fault() != nil {
			return 1
		}
		return 0
	})
}

// load reads the file, and uses it if it has changed since the last time. A fault is told
// once.
func (r *Ring) load() error {
	r.checked = time.Now()
	text, changed, err := r.file.Read()
	switch {
	case err != nil:
		err = errs.E(errs.Usage, "key file: %w", err).WithFix("make one with `lab up`, or give its path")
	case !changed:
		return r.fault
	default:
		var keys [][]byte
		if keys, err = ParseKeys(text); err == nil {
			r.keys = keys
		} else {
			err = errs.E(errs.Usage, "key file %s: %w", r.file.Path, err)
		}
	}
	if err != nil && r.fault == nil && r.onError != nil {
		r.onError(err)
	}
	r.fault = err
	return err
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
