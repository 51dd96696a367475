package drill

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
)

// outcome is one drill that went well, one that lost a line, and one that was skipped.
func outcome() *Outcome {
	good := reportOf(func(*Report) {})
	good.finish(nil)
	bad := reportOf(func(r *Report) {
		r.Drill = "kill-chatd"
		r.ChatLogs[0].add(lost, 3, "p.7 <&>")
		r.Broken = []string{"a client was without the chat"}
		r.Back, r.Gaps.Chat, r.Gaps.ChatFrom = Seconds(1500*time.Millisecond), Seconds(2*time.Second), r.began.Add(time.Second)
		r.Timeline = Timeline{
			Faults:  []Span{{Name: "kill chatd on chat", From: Seconds(time.Second), Healed: Seconds(2 * time.Second), Served: Seconds(3 * time.Second)}, {Name: "stop logd on log", From: Seconds(4 * time.Second)}},
			Samples: []Sample{{At: 0}, {At: Seconds(time.Second), Chat: 4, SignIn: 1, Backlog: 5 << 20}, {At: Seconds(2 * time.Second)}},
		}
	})
	bad.finish(nil)
	return &Outcome{Reports: []*Report{good, bad}, Skipped: []Skip{{Drill: "partition", Why: "target local cannot cut a cable"}}}
}

func saved(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := CheckFile(path); err != nil {
		t.Fatal(err)
	}
	if err := outcome().Save(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheJSONReportHasTheNamesOfTheTextAndSeconds(t *testing.T) {
	text := saved(t, "report.json")
	for _, want := range []string{`"lost": 3`, `"verdict": "FAILED: lost"`, `"back": 1.5`, `"healed": 2`, `"why": "target local cannot cut a cable"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "_ns") {
		t.Error("a duration is in nanoseconds")
	}
	var back Outcome
	if err := json.Unmarshal([]byte(text), &back); err != nil || back.Reports[1].Back != Seconds(1500*time.Millisecond) || back.Reports[1].ChatLogs[0].Lost != 3 {
		t.Errorf("%v %+v", err, back)
	}
}

func TestTheJUnitReportHasACaseForEachDrill(t *testing.T) {
	text := saved(t, "report.xml")
	var got junitSuites
	if err := xml.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if got.Tests != 3 || got.Failures != 1 || got.Skipped != 1 || len(got.Suite.Cases) != 3 {
		t.Errorf("%+v", got)
	}
	bad := got.Suite.Cases[1]
	if bad.Failure == nil || bad.Failure.Message != "FAILED: lost" || !strings.Contains(bad.Failure.Text, "p.7 <&>") || !strings.Contains(bad.Out, "verdict  FAILED: lost") {
		t.Errorf("%+v", bad)
	}
	if got.Suite.Cases[0].Failure != nil || got.Suite.Cases[2].Skipped.Message != "target local cannot cut a cable" {
		t.Errorf("%+v", got.Suite.Cases)
	}
}

func TestThePageIsWholeAndNeedsNoOtherFile(t *testing.T) {
	text := saved(t, "report.html")
	for _, want := range []string{
		"FAILED: lost", "skipped: target local cannot cut a cable", "<svg", `class="fault"`, `class="heal"`, `class="gap"`,
		`class="area chat"`, `class="area backlog"`, "at most 5120 KiB", "at most 4 users", "kill chatd on chat: at 1s, healed at 2s", "p.7 &lt;&amp;&gt;",
		`<td class="bad">3</td>`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in the page", want)
		}
	}
	for _, foreign := range []string{"http://", "https://", "<script", "<link", "src="} {
		if strings.Contains(text, foreign) {
			t.Errorf("the page has %s", foreign)
		}
	}
	dec := xml.NewDecoder(strings.NewReader(text[strings.Index(text, "<svg"):strings.Index(text, "</svg>")] + "</svg>"))
	for {
		if _, err := dec.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the timeline is no XML: %v", err)
		}
	}
}

func TestTheTimelineIsDrawnToScale(t *testing.T) {
	r := outcome().Reports[1]
	r.Took = Seconds(10 * time.Second)
	c := newChart(r)
	if len(c.Ticks) != 11 || c.Ticks[10].X != chartWidth-chartRight || c.Ticks[0].X != chartLeft {
		t.Errorf("%+v", c.Ticks)
	}
	bars := c.Lanes[0].Bars
	if len(bars) != 3 || bars[0].X != c.Ticks[1].X || bars[1].X != c.Ticks[2].X || bars[2].Width <= bars[0].Width {
		t.Errorf("%+v", bars)
	}
	for _, is := range []struct{ took, want time.Duration }{{0, time.Second}, {20 * time.Second, 2 * time.Second}, {time.Hour, 10 * time.Minute}, {100 * time.Hour, time.Hour}} {
		if got := tickEvery(is.took); got != is.want {
			t.Errorf("%s: a tick every %s", is.took, got)
		}
	}
}

func TestAReportFileIsRefusedBeforeTheDrill(t *testing.T) {
	for path, want := range map[string]string{"report.txt": "is no kind of report", "report": "is no kind of report", "nowhere/report.xml": "no folder nowhere"} {
		if err := CheckFile(path); !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
