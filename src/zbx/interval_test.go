package zbx

import (
	"testing"
	"time"
)

// A Tuesday.
var someday = time.Date(2026, 12, 1, 10, 20, 30, 0, time.UTC)

func TestTimesOfCustomIntervals(t *testing.T) {
	for text, want := range map[string]string{
		"1m":                                      "2026-12-01T10:21:00Z",
		"1m;2s/1-7,00:00-24:00":                   "2026-12-01T10:20:32Z", // the shorter one holds
		"1h;30s/6-7,00:00-24:00":                  "2026-12-01T11:00:00Z", // not on a Tuesday
		"0;30s/6-7,00:00-24:00":                   "2026-12-05T00:00:30Z",
		"0;0/1-7,00:00-24:00;h9":                  "2026-12-02T09:00:00Z",
		"1m;0/2,10:00-10:30":                      "2026-12-01T10:31:00Z", // none while the period lasts
		"10m;20s/2,10:20-10:21;50s/2,10:20-11:00": "2026-12-01T10:20:40Z",
		"0;m0-59":                                 "2026-12-01T10:21:00Z",
		"0;m/30":                                  "2026-12-01T10:30:00Z",
		"0;wd1-5h9-18":                            "2026-12-01T11:00:00Z",
		"0;wd6h9,18m5":                            "2026-12-05T09:05:00Z",
		"0;md1":                                   "2027-01-01T00:00:00Z",
		"0;md29-31/2wd7h1m2s3":                    "2027-01-31T01:02:03Z",
		"0;md31h23m59s59":                         "2026-12-31T23:59:59Z",
		"0;s10,40":                                "2026-12-01T10:20:40Z",
		"0;h9s30":                                 "2026-12-02T09:00:30Z",
		"1m;s31":                                  "2026-12-01T10:20:31Z", // the earliest of all
	} {
		i, err := parseInterval(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := i.next(someday, 0).Format(time.RFC3339); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestIntervalsThatZabbixDoesNotTake(t *testing.T) {
	for _, text := range []string{
		"", "x", "0", "25h", "1m;", "1m;x", "1m;2s/0-7,00:00-24:00", "1m;2s/1-8,00:00-24:00", "1m;2s/5-1,00:00-24:00", "1m;2s/1-7,24:00-00:00",
		"1m;2s/1-7,00:00-24:01", "1m;2s/1-7,0:0-1:00", "1m;2s/1-7,00:00", "0;0/1-7,00:00-24:00", "0;h24", "0;m60", "0;md0", "0;md32", "0;wd8", "0;h9h10",
		"0;m5h9", "0;h", "0;h9-", "0;h9/0", "0;h9m", "0;md30m1md2", "0;h1,", "0;h9:00",
	} {
		if i, err := parseInterval(text); err == nil {
			t.Errorf("%q: %+v", text, i)
		}
	}
}

// Items of the same interval are taken at different times, which stay the same.
func TestThePhaseOfAnItemStays(t *testing.T) {
	i, err := parseInterval("1m")
	if err != nil {
		t.Fatal(err)
	}
	for _, phase := range []time.Duration{0, 7 * time.Second, time.Hour + 20*time.Second} {
		first := i.next(someday, phase)
		if second := i.next(first, phase); second.Sub(first) != time.Minute || first.Second() != int(phase.Seconds())%60 {
			t.Errorf("phase %s: %s, then %s", phase, first, second)
		}
	}
}
