package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"

	"chatlab/src/errs"
)

// Params are the costs of argon2id (RFC 9106).
type Params struct {
	MemoryKiB uint32
	Passes    uint32
	Lanes     uint8
}

// DefaultParams are the costs of new hashes: 19 MiB, two passes, one lane
// (OWASP Password Storage Cheat Sheet).
func DefaultParams() Params { return Params{MemoryKiB: 19 << 10, Passes: 2, Lanes: 1} }

const (
	saltLen = 16 // bytes
	keyLen  = 32 // bytes
)

// Hash returns a password's PHC string, with a fresh salt:
// $argon2id$v=19$m=19456,t=2,p=1$SALT$KEY.
func Hash(password string, p Params) string {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // crypto/rand.Read never fails
	return phc{p, salt, p.derive(password, salt, keyLen)}.String()
}

func (p Params) derive(password string, salt []byte, n uint32) []byte {
	return argon2.IDKey([]byte(password), salt, p.Passes, p.MemoryKiB, p.Lanes, n)
}

// phc is a parsed hash.
type phc struct {
	params    Params
	salt, key []byte
}

func (h phc) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.params.MemoryKiB, h.params.Passes, h.params.Lanes, b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

func (h phc) matches(password string) bool {
	key := h.params.derive(password, h.salt, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}

// current tells whether a new hash would be made the same way.
func (h phc) current(p Params) bool {
	return h.params == p && len(h.salt) == saltLen && len(h.key) == keyLen
}

// parsePHC reads a stored hash. Costs beyond what any deployment would set are
// refused, so that a damaged row cannot take the server's memory.
func parsePHC(text string) (phc, error) {
	part := strings.Split(text, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, errs.E(errs.Internal, "stored hash is not argon2id v=%d", argon2.Version)
	}
	params, err := parseParams(part[3])
	if err != nil {
		return phc{}, err
	}
	b64 := base64.RawStdEncoding.Strict()
	salt, err1 := b64.DecodeString(part[4])
	key, err2 := b64.DecodeString(part[5])
	if err1 != nil || err2 != nil || !between(len(salt), 8, 64) || !between(len(key), 16, 64) {
		return phc{}, errs.E(errs.Internal, "stored hash has a bad salt or key")
	}
	return phc{params, salt, key}, nil
}

func parseParams(text string) (Params, error) {
	var value [3]int
	part := strings.Split(text, ",")
	for i, name := range []string{"m=", "t=", "p="} {
		if i >= len(part) || len(part) != len(value) || !strings.HasPrefix(part[i], name) {
			return Params{}, errs.E(errs.Internal, "stored hash has unknown parameters")
		}
		n, err := strconv.ParseUint(part[i][len(name):], 10, 31)
		if err != nil {
			return Params{}, errs.E(errs.Internal, "stored hash has bad parameters")
		}
		value[i] = int(n)
	}
	m, t, p := value[0], value[1], value[2]
	if !between(p, 1, 16) || !between(t, 1, 16) || !between(m, 8*p, 1<<20) {
		return Params{}, errs.E(errs.Internal, "stored hash has parameters out of range")
	}
	return Params{MemoryKiB: uint32(m), Passes: uint32(t), Lanes: uint8(p)}, nil
}

func between(n, low, high int) bool { return low <= n && n <= high }
