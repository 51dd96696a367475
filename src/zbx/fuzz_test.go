package zbx_test

import (
	"bytes"
	"runtime/metrics"
	"strings"
	"testing"
	"testing/iotest"

	"chatlab/src/zbx"
)

// bounded fails when f allocates more than 10 MiB, all counted that it made
// meanwhile.
func bounded(t *testing.T, f func()) {
	t.Helper()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	f()
	metrics.Read(sample)
	if used := sample[0].Value.Uint64() - before; used > 10<<20 {
		t.Fatalf("%d bytes were allocated", used)
	}
}

func FuzzReadFrame(f *testing.F) {
	bomb := deflate(make([]byte, 8<<20))
	f.Add(zbx.AppendFrame(nil, []byte("agent.ping")))
	f.Add(frame(7, 20, 5, deflate([]byte("hello"))))
	f.Add(frame(1, 1<<30, 0, nil))
	f.Add(frame(3, uint64(len(bomb)), 100, bomb))
	f.Add(frame(3, uint64(len(bomb)), zbx.MaxData, bomb))
	f.Fuzz(func(t *testing.T, data []byte) {
		var got []byte
		var err error
		bounded(t, func() { got, err = zbx.ReadFrame(bytes.NewReader(data), nil) })
		slow, slowErr := zbx.ReadFrame(iotest.OneByteReader(bytes.NewReader(data)), nil)
		if !bytes.Equal(got, slow) || (err == nil) != (slowErr == nil) {
			t.Fatalf("at once %d bytes, %v; byte by byte %d, %v", len(got), err, len(slow), slowErr)
		}
		if len(got) > zbx.MaxData {
			t.Fatalf("%d bytes", len(got))
		}
	})
}

func FuzzParseKey(f *testing.F) {
	for _, s := range []string{"agent.ping", `k[a,"b",[c,d]]`, `k["\"]`, "k[[["} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, key string) {
		var name string
		var params []string
		var err error
		bounded(t, func() { name, params, err = zbx.ParseKey(key) })
		if err == nil && (name == "" || !strings.HasPrefix(key, name) || len(params) > zbx.MaxParams) {
			t.Fatalf("%q: %q %q", key, name, params)
		}
	})
}
