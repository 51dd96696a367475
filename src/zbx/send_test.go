package zbx_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/zbx"
)

func TestSendGivesEachValueItsTimeInBatches(t *testing.T) {
	for name, compress := range map[string]bool{"plain": false, "compressed": true} {
		t.Run(name, func(t *testing.T) {
			server := newTrapper(t, all)
			var values []zbx.Value
			for i := range 600 {
				values = append(values, zbx.Value{Host: "h", Key: "k", Value: strconv.Itoa(i), Time: time.Unix(1_700_000_000+int64(i), int64(i))})
			}
			sent, err := zbx.Peer{Addr: server.addr(), Compress: compress}.Send(t.Context(), values)
			if err != nil || sent.Processed != 600 || sent.Failed != 0 {
				t.Fatalf("%+v, %v", sent, err)
			}
			i := 0
			for _, want := range []int{250, 250, 100} {
				got := server.next(t, "sender data").values()
				if len(got) != want {
					t.Fatalf("a batch of %d, want %d", len(got), want)
				}
				for _, v := range got {
					o := v.(map[string]any)
					if o["value"] != strconv.Itoa(i) || o["clock"] != float64(1_700_000_000+i) || o["ns"] != float64(i) {
						t.Fatalf("value %d is %v", i, o)
					}
					i++
				}
			}
		})
	}
}

func TestSendCountsWhatWasTaken(t *testing.T) {
	tests := map[string]struct {
		answer string
		sent   zbx.Sent
		code   errs.Code
	}{
		"manual":      {manual(t, "data-answer.json"), zbx.Sent{Processed: 1}, ""},
		"failed":      {counted(0, 1), zbx.Sent{Failed: 1}, errs.Failed},
		"refused":     {`{"response":"failed","info":"no"}`, zbx.Sent{}, errs.Unavailable},
		"no count":    {`{"response":"success"}`, zbx.Sent{}, errs.Unavailable},
		"wrong total": {`{"response":"success","info":"processed: 1; failed: 0; total: 2; seconds spent: 0.1"}`, zbx.Sent{}, errs.Unavailable},
		"too many":    {counted(2, 0), zbx.Sent{Processed: 2}, errs.Unavailable},
		"no JSON":     {"ZBX_NOTSUPPORTED", zbx.Sent{}, errs.Unavailable},
		"no answer":   {"", zbx.Sent{}, errs.Unavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := newTrapper(t, func(object) string { return strings.TrimSpace(tt.answer) })
			sent, err := zbx.Peer{Addr: server.addr()}.Send(t.Context(), []zbx.Value{{Host: "h", Key: "k", Value: "1", Time: time.Now()}})
			if sent != tt.sent || errs.CodeOf(err) != tt.code {
				t.Fatalf("%+v, %v", sent, err)
			}
		})
	}
}
