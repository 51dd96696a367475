package zbx

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"

	"chatlab/src/errs"
)

// Flags of a frame's header.
const (
	FlagProtocol   = 0x01 // always set
	FlagCompressed = 0x02
	FlagLarge      = 0x04 // lengths of eight bytes
)

// MaxData bounds the data of a frame, inflated too, in bytes.
const MaxData = 1 << 20

const (
	magic       = "ZBXD"
	smallHeader = len(magic) + 1 + 4 + 4
	largeHeader = len(magic) + 1 + 8 + 8
)

// AppendFrame appends a plain frame with data to dst.
func AppendFrame(dst, data []byte) []byte {
	dst = appendHeader(dst, FlagProtocol, uint64(len(data)), 0)
	return append(dst, data...)
}

// AppendFlagged appends a frame of data to dst with the flags that are wanted
// beside FlagProtocol: compressed, with lengths of eight bytes, or both.
func AppendFlagged(dst []byte, flags byte, data []byte) []byte {
	if flags&FlagCompressed == 0 {
		return append(appendHeader(dst, FlagProtocol|flags, uint64(len(data)), 0), data...)
	}
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, _ = z.Write(data) // a buffer takes all
	_ = z.Close()
	dst = appendHeader(dst, FlagProtocol|flags, uint64(packed.Len()), uint64(len(data)))
	return append(dst, packed.Bytes()...)
}

func appendHeader(dst []byte, flags byte, length, reserved uint64) []byte {
	dst = append(append(dst, magic...), flags)
	if flags&FlagLarge != 0 {
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, length), reserved)
	}
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(dst, uint32(length)), uint32(reserved))
}

// header is what stands before the data.
type header struct {
	flags    byte
	size     int // of the header itself
	length   uint64
	reserved uint64
}

var errShort = errors.New("frame is not complete")

// parseHeader reads a header; errShort when buf may be the beginning of one.
// Fails with code bad_request.
func parseHeader(buf []byte) (h header, err error) {
	if n := min(len(buf), len(magic)); string(buf[:n]) != magic[:n] {
		return h, errs.E(errs.BadRequest, "not a Zabbix frame")
	}
	if len(buf) <= len(magic) {
		return h, errShort
	}
	h.flags, h.size = buf[len(magic)], smallHeader
	if h.flags&FlagProtocol == 0 || h.flags&^(FlagProtocol|FlagCompressed|FlagLarge) != 0 {
		return h, errs.E(errs.BadRequest, "unknown frame flags 0x%02x", h.flags)
	}
	if h.flags&FlagLarge != 0 {
		h.size = largeHeader
	}
	if len(buf) < h.size {
		return h, errShort
	}
	rest := buf[len(magic)+1:]
	if h.flags&FlagLarge != 0 {
		h.length, h.reserved = binary.LittleEndian.Uint64(rest), binary.LittleEndian.Uint64(rest[8:])
	} else {
		h.length, h.reserved = uint64(binary.LittleEndian.Uint32(rest)), uint64(binary.LittleEndian.Uint32(rest[4:]))
	}
	// Both are checked before anything of that size is made.
	if h.length > MaxData || (h.flags&FlagCompressed != 0 && h.reserved > MaxData) {
		return h, errs.E(errs.TooLong, "frame of %d bytes, the limit is %d", max(h.length, h.reserved), MaxData)
	}
	return h, nil
}

// ReadFrame reads one frame into buf, which it grows as needed, and returns the
// data, inflated. io.EOF means that nothing came at all. Fails with
// bad_request, too_long and the reader's error.
func ReadFrame(r io.Reader, buf []byte) ([]byte, error) { return readOn(r, buf[:0]) }

// readOn completes the frame that buf begins with.
func readOn(r io.Reader, buf []byte) ([]byte, error) {
	for {
		h, err := parseHeader(buf)
		switch {
		case err == nil:
			return readData(r, buf, h)
		case err != errShort:
			return nil, err
		}
		if buf, err = more(r, buf, largeHeader+512); err != nil {
			if len(buf) > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// more reads once, into room for at least n bytes in all.
func more(r io.Reader, buf []byte, n int) ([]byte, error) {
	if cap(buf) < n {
		buf = append(make([]byte, 0, n), buf...)
	}
	got, err := r.Read(buf[len(buf):cap(buf)])
	buf = buf[:len(buf)+got]
	if got > 0 {
		return buf, nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return buf, err
}

// readData completes the data of a frame whose header buf begins with.
func readData(r io.Reader, buf []byte, h header) ([]byte, error) {
	whole := h.size + int(h.length)
	for len(buf) < whole {
		var err error
		// A long frame's room grows with the bytes received, not with the length claimed.
		if buf, err = more(r, buf, min(whole, max(2*len(buf), 4096))); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	data := buf[h.size:whole]
	if h.flags&FlagCompressed == 0 {
		return data, nil
	}
	return inflate(data, int(h.reserved))
}

// inflate returns exactly size bytes, or refuses.
func inflate(data []byte, size int) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, errs.E(errs.BadRequest, "compressed frame: %w", err)
	}
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(z, int64(size)+1))
	if err != nil || n != int64(size) {
		return nil, errs.E(errs.BadRequest, "compressed frame does not inflate to the %d bytes that it says", size)
	}
	return out.Bytes(), nil
}
