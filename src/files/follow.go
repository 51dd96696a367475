package files

import (
	"bytes"
	"os"
)

// Followed is a file that is read again and again. Its content decides whether it
// has changed: a key file may be replaced by one of the same size and time.
type Followed struct {
	Path string

	text []byte // of the last read; nil before it
}

// Read returns the content, and whether it differs from that of the last read.
func (f *Followed) Read() (text []byte, changed bool, err error) {
	text, err = os.ReadFile(f.Path)
	if err != nil {
		return nil, false, err
	}
	changed = f.text == nil || !bytes.Equal(text, f.text)
	f.text = text
	return text, changed, nil
}
