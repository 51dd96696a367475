package event

import (
	"strconv"

	"chatlab/src/errs"
)

// MaxAck is the longest acknowledgement in bytes, its LF included.
const MaxAck = len("ack \n") + 20

// AppendAck adds the line `ack n` with its LF to dst.
func AppendAck(dst []byte, n uint64) []byte {
	dst = strconv.AppendUint(append(dst, "ack "...), n, 10)
	return append(dst, '\n')
}

// ParseAck reads one acknowledgement, with or without its LF: exactly `ack `
// and a decimal number without sign or leading zero. Fails with code
// bad_request.
func ParseAck(line []byte) (uint64, error) {
	const prefix = "ack "
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if len(line) > len(prefix) && len(line) < MaxAck && string(line[:len(prefix)]) == prefix {
		digits := string(line[len(prefix):])
		n, err := strconv.ParseUint(digits, 10, 64)
		if err == nil && digits == strconv.FormatUint(n, 10) {
			return n, nil
		}
	}
	return 0, errs.E(errs.BadRequest, "not an acknowledgement: %.40q", line)
}
