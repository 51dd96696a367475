package zbx_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"chatlab/src/errs"
	"chatlab/src/zbx"
)

// frame builds a frame with any flags and lengths.
func frame(flags byte, length, reserved uint64, data []byte) []byte {
	out := append([]byte("ZBXD"), flags)
	if flags&zbx.FlagLarge != 0 {
		out = binary.LittleEndian.AppendUint64(out, length)
		out = binary.LittleEndian.AppendUint64(out, reserved)
	} else {
		out = binary.LittleEndian.AppendUint32(out, uint32(length))
		out = binary.LittleEndian.AppendUint32(out, uint32(reserved))
	}
	return append(out, data...)
}

func deflate(data []byte) []byte {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	_, _ = z.Write(data)
	_ = z.Close()
	return out.Bytes()
}

func TestFrameIsReadWhateverWayItArrives(t *testing.T) {
	long := bytes.Repeat([]byte("agent.ping "), 5000)
	small, packed := []byte("agent.ping"), deflate(long)
	tests := map[string]struct{ frame, want []byte }{
		"plain":      {zbx.AppendFrame(nil, small), small},
		"empty":      {frame(1, 0, 0, nil), nil},
		"large":      {frame(5, uint64(len(small)), 0, small), small},
		"compressed": {frame(3, uint64(len(packed)), uint64(len(long)), packed), long},
		"both":       {frame(7, uint64(len(packed)), uint64(len(long)), packed), long},
		"long":       {zbx.AppendFrame(nil, long), long},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for way, r := range map[string]io.Reader{
				"at once": bytes.NewReader(tt.frame), "byte by byte": iotest.OneByteReader(bytes.NewReader(tt.frame)),
				"in halves": iotest.HalfReader(bytes.NewReader(tt.frame)), "with EOF": iotest.DataErrReader(bytes.NewReader(tt.frame)),
			} {
				got, err := zbx.ReadFrame(r, nil)
				if err != nil || !bytes.Equal(got, tt.want) {
					t.Errorf("%s: %d bytes, %v", way, len(got), err)
				}
			}
		})
	}
}

func TestFrameCutAnywhereIsAnError(t *testing.T) {
	whole := zbx.AppendFrame(nil, []byte("agent.ping"))
	for n := range len(whole) {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, err := zbx.ReadFrame(bytes.NewReader(whole[:n]), nil); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v, want %v", n, err, want)
		}
	}
}

func TestFrameThatLiesIsRefused(t *testing.T) {
	bomb := deflate(make([]byte, 64<<20))
	tests := map[string]struct {
		frame []byte
		code  errs.Code
	}{
		"magic":              {[]byte("ZBXE\x01\x00\x00\x00\x00\x00\x00\x00\x00"), errs.BadRequest},
		"no flag":            {frame(0, 0, 0, nil), errs.BadRequest},
		"unknown flag":       {frame(9, 0, 0, nil), errs.BadRequest},
		"1 GB":               {frame(1, 1<<30, 0, nil), errs.TooLong},
		"2^63":               {frame(5, 1<<63, 0, nil), errs.TooLong},
		"inflates to 1 GB":   {frame(3, 10, 1<<30, make([]byte, 10)), errs.TooLong},
		"bomb":               {frame(3, uint64(len(bomb)), 100, bomb), errs.BadRequest},
		"inflates to less":   {frame(3, uint64(len(deflate([]byte("a")))), 2, deflate([]byte("a"))), errs.BadRequest},
		"not zlib":           {frame(3, 3, 3, []byte("abc")), errs.BadRequest},
		"compressed nothing": {frame(3, 0, 0, nil), errs.BadRequest},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := zbx.ReadFrame(bytes.NewReader(tt.frame), nil)
			runtime.ReadMemStats(&after)
			if !errs.Is(err, tt.code) {
				t.Errorf("error = %v, want code %s", err, tt.code)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 10<<20 {
				t.Errorf("%d bytes were allocated", used)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	tests := map[string]string{ // "" means refused
		`agent.ping`:      "agent.ping:",
		`a-b_c.9`:         "a-b_c.9:",
		`k[]`:             "k:<>",
		`k[a]`:            "k:<a>",
		`k[a,,b ]`:        "k:<a><><b >",
		`k[ a]`:           "k:<a>",
		`k["a,]b"]`:       "k:<a,]b>",
		`k["say \"hi\""]`: `k:<say "hi">`,
		`k["a" , "b"]`:    "k:<a><b>",
		`k[[a,b],c]`:      "k:<a,b><c>",
		`k[["a]",b]]`:     `k:<"a]",b>`,
		`k[a"b]`:          `k:<a"b>`,
		`k[` + strings.Repeat(",", zbx.MaxParams-1) + `]`: "k:" + strings.Repeat("<>", zbx.MaxParams),
		``:         "",
		`[a]`:      "",
		`k[`:       "",
		`k[a`:      "",
		`k[a]b`:    "",
		`k[a][b]`:  "",
		`k a`:      "",
		`k["a]`:    "",
		`k["a"b]`:  "",
		`k[[[a]]]`: "",
		`k[[a]`:    "",
		"ключ":     "",
		`k[` + strings.Repeat(",", zbx.MaxParams) + `]`: "",
		`k[` + strings.Repeat(",", 10_000) + `]`:        "",
		strings.Repeat("k", zbx.MaxKey+1):               "",
	}
	for key, want := range tests {
		name, params, err := zbx.ParseKey(key)
		got := name + ":"
		for _, p := range params {
			got += "<" + p + ">"
		}
		if err != nil {
			got = ""
			if !errs.Is(err, errs.BadRequest) {
				t.Errorf("%.40q: code %s", key, errs.CodeOf(err))
			}
		}
		if got != want {
			t.Errorf("%.40q: got %.60q, want %.60q (%v)", key, got, want, err)
		}
	}
}

func TestAllowKnowsAddressesNetworksAndNames(t *testing.T) {
	a, err := zbx.ParseAllow([]string{"10.1.0.0/16", "192.0.2.7", "::1", " localhost "})
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "192.0.2.7": true, "192.0.2.8": false, "::1": true, "::2": false, "127.0.0.1": true,
	} {
		if got := a.Has(t.Context(), netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
	for _, bad := range [][]string{nil, {""}, {"10.0.0.0/99"}, {"a b"}} {
		if _, err := zbx.ParseAllow(bad); !errs.Is(err, errs.Usage) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// serve runs a server with a few keys until the test ends.
func serve(t *testing.T, allow string) string {
	t.Helper()
	list, err := zbx.ParseAllow([]string{allow})
	if err != nil {
		t.Fatal(err)
	}
	return run(t, answer, zbx.Options{Allow: list, Timeout: 300 * time.Millisecond})
}

// run serves until the test ends.
func run(t *testing.T, handle zbx.Handler, opt zbx.Options) string {
	t.Helper()
	s, err := zbx.Listen("127.0.0.1:0", handle, opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s.Addr()
}

func answer(ctx context.Context, key string) (string, error) {
	switch key {
	case "agent.ping":
		return "1", nil
	case "empty":
		return "", nil
	case "slow":
		<-ctx.Done()
		return "", errs.E(errs.Failed, "Timeout.")
	}
	return "", errs.E(errs.NotFound, "Unsupported item key.")
}

func TestServerAnswersBothForms(t *testing.T) {
	addr := serve(t, "127.0.0.1")
	tests := map[string]struct{ key, value, reason string }{
		"value": {"agent.ping", "1", ""}, "empty": {"empty", "", ""},
		"unknown": {"nope", "", "Unsupported item key."}, "slow": {"slow", "", "Timeout."},
	}
	for name, tt := range tests {
		for form, get := range map[string]func() (string, error){
			"old": func() (string, error) { return zbx.Get(t.Context(), addr, tt.key) },
			"7.0": func() (string, error) { return zbx.GetJSON(t.Context(), addr, tt.key, time.Second) },
		} {
			t.Run(name+" "+form, func(t *testing.T) {
				value, err := get()
				if reason := reasonOf(err); value != tt.value || reason != tt.reason {
					t.Fatalf("got %q, %q; want %q, %q", value, reason, tt.value, tt.reason)
				}
			})
		}
	}
}

func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	return errs.Public(err)
}

// raw sends bytes and returns all that comes back until the server closes.
func raw(t *testing.T, addr string, send []byte) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = conn.Write(send)
	got, err := io.ReadAll(conn)
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		t.Fatal("the server kept the connection")
	}
	return string(got)
}

func TestServerSurvivesEveryOddRequest(t *testing.T) {
	addr := serve(t, "127.0.0.1")
	reply := func(text string) string { return string(zbx.AppendFrame(nil, []byte(text))) }
	unsupported := reply("ZBX_NOTSUPPORTED\x00Unsupported item key.")
	tests := map[string]struct {
		send []byte
		want string
	}{
		"bare line":         {[]byte("agent.ping\n"), reply("1")},
		"bare line CRLF":    {[]byte("agent.ping\r\n"), reply("1")},
		"silence":           {nil, ""},
		"half a frame":      {[]byte("ZBXD\x01\x0a"), ""},
		"half a line":       {[]byte("agent.pi"), ""},
		"endless line":      {bytes.Repeat([]byte("x"), 10<<10), ""},
		"1 GB":              {frame(1, 1<<30, 0, []byte("x")), ""},
		"wrong magic":       {[]byte("ZBXX\x01\x00\x00\x00\x00\x00\x00\x00\x00"), ""},
		"zeros":             {append(make([]byte, 512), '\n'), unsupported},
		"JSON, not ours":    {zbx.AppendFrame(nil, []byte(`{"request":"nope"}`)), reply(`{"version":"7.0.0","variant":2,"error":"unknown request"}`)},
		"JSON, two items":   {zbx.AppendFrame(nil, []byte(`{"request":"passive checks","data":[{"key":"a"},{"key":"b"}]}`)), reply(`{"version":"7.0.0","variant":2,"error":"a request has one item"}`)},
		"JSON, torn":        {zbx.AppendFrame(nil, []byte(`{"request":`)), reply(`{"version":"7.0.0","variant":2,"error":"cannot parse the request"}`)},
		"JSON, of the docs": {zbx.AppendFrame(nil, []byte(`{"request":"passive checks","data":[{"key":"agent.ping","timeout":3}]}`)), reply(`{"version":"7.0.0","variant":2,"data":[{"value":"1"}]}`)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := raw(t, addr, tt.send); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if v, err := zbx.Get(t.Context(), addr, "agent.ping"); v != "1" {
				t.Errorf("the next one got %q, %v", v, err)
			}
		})
	}
}

func TestStrangerGetsNothing(t *testing.T) {
	for _, allow := range []string{"192.0.2.1", "no-such-name.invalid"} {
		t.Run(allow, func(t *testing.T) {
			addr := serve(t, allow)
			if got := raw(t, addr, zbx.AppendFrame(nil, []byte("agent.ping"))); got != "" {
				t.Fatalf("a stranger got %q", got)
			}
			if _, err := zbx.Get(t.Context(), addr, "agent.ping"); !errs.Is(err, errs.Unavailable) {
				t.Fatalf("error = %v", err)
			}
		})
	}
}

func TestNameOnTheListIsLookedUp(t *testing.T) {
	if v, err := zbx.Get(t.Context(), serve(t, "localhost"), "agent.ping"); v != "1" {
		t.Fatalf("%q, %v", v, err)
	}
}
