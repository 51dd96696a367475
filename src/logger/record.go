package logger

import (
	"encoding/binary"
	"hash/crc32"

	"chatlab/src/event"
)

const (
	headerSize = 8
	minPayload = len("1/0123456789abcdef01234567/s/c//\n") // the shortest line
	maxRecord  = headerSize + event.MaxLine
)

// castagnoli is read-only: the table of CRC-32C (RFC 3720, appendix B.4).
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord adds the record of a line, which ends with LF, to dst.
func appendRecord(dst, line []byte) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(line)))
	sum := checksum(dst[start:], line)
	dst = binary.LittleEndian.AppendUint32(dst, sum)
	return append(dst, line...)
}

func checksum(length, line []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, line)
}

// recordAt returns the line of the record that buf begins with; ok is false
// where buf begins with none, short where it may be the start of one.
func recordAt(buf []byte) (line []byte, ok, short bool) {
	if len(buf) < headerSize {
		return nil, false, true
	}
	n := int(binary.LittleEndian.Uint32(buf))
	if n < minPayload || n > event.MaxLine {
		return nil, false, false
	}
	if len(buf) < headerSize+n {
		return nil, false, true
	}
	line = buf[headerSize : headerSize+n]
	ok = line[n-1] == '\n' && checksum(buf[:4], line) == binary.LittleEndian.Uint32(buf[4:])
	return line, ok, false
}

// resync returns the offset, from on, of the next whole record in buf, or
// len(buf).
func resync(buf []byte, from int) int {
	for i := from; i+headerSize+minPayload <= len(buf); i++ {
		if buf[i+headerSize] != '1' || buf[i+headerSize+1] != '/' {
			continue
		}
		if _, ok, _ := recordAt(buf[i:]); ok {
			return i
		}
	}
	return len(buf)
}

// survey returns the end of the last whole record in a file's content, and
// how many whole records there are up to there.
func survey(buf []byte) (end, records int) {
	for off := 0; off < len(buf); {
		line, ok, _ := recordAt(buf[off:])
		if !ok {
			off = resync(buf, off+1)
			continue
		}
		off += headerSize + len(line)
		end, records = off, records+1
	}
	return end, records
}
