package view

import (
	"math"
	"strings"
	"testing"
	"time"

	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/mark"
	"chatlab/src/metrics"
)

func page(t *testing.T, text string) metrics.Page {
	t.Helper()
	p, err := metrics.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRatesAreOfTwoLooks(t *testing.T) {
	var c counters
	chatd := Place{"chat", inventory.Chatd}
	at := time.Now()
	look := func(text string) Rates {
		at = at.Add(2 * time.Second)
		return c.rates(at, map[Place]metrics.Page{chatd: page(t, text)})[chatd]
	}
	first := look("chatlab_chat_lines_in_total 1000\nchatlab_chat_sessions 4\n")
	if first.LinesIn != 0 || first.Sessions != 4 {
		t.Errorf("the first look: %+v", first)
	}
	second := look("chatlab_chat_lines_in_total 1010\nchatlab_chat_fanout_delay_seconds_sum 0.5\nchatlab_chat_fanout_delay_seconds_count 10\n")
	if second.LinesIn != 5 || math.Abs(second.Delay-0.05) > 1e-9 {
		t.Errorf("the second look: %+v", second)
	}
	if again := look("chatlab_chat_lines_in_total 3\n"); again.LinesIn != 0 || again.Delay != 0 {
		t.Errorf("after a restart: %+v", again)
	}
	auth := Place{"auth", inventory.Authd}
	logins := func(ok, refused string) map[Place]metrics.Page {
		return map[Place]metrics.Page{auth: page(t, "chatlab_auth_requests_total{call=\"login\",result=\"ok\"} "+ok+
			"\nchatlab_auth_requests_total{call=\"login\",result=\"wrong_credentials\"} "+refused+"\n")}
	}
	c.rates(at, logins("1", "1"))
	if r := c.rates(at.Add(time.Second), logins("4", "3"))[auth]; r.SignIns != 3 || r.Refused != 2 {
		t.Errorf("sign-ins: %+v", r)
	}
}

func TestCurvesAlwaysBeginWhereTheCollectorDid(t *testing.T) {
	h, began := history{step: 1}, time.Now()
	for i := range 10 * maxPoints {
		p := Point{Measured: true, Lines: 1}
		if i == 1234 {
			p.Lines = 50
		}
		h.add(began.Add(time.Duration(i)*time.Second), p)
	}
	if len(h.points) > maxPoints || !h.points[0].at.Equal(began) {
		t.Errorf("%d points since %s", len(h.points), h.points[0].at.Sub(began))
	}
	curve := h.curves([]mark.Mark{{At: began.Add(5 * maxPoints * time.Second), Text: "half"}})[0]
	if curve.Peak != "50/s" || curve.Now != "1.0/s" {
		t.Errorf("peak %s, now %s", curve.Peak, curve.Now)
	}
	if len(curve.Marks) != 1 || math.Abs(curve.Marks[0].X-curveWidth/2) > 2 {
		t.Errorf("marks %+v", curve.Marks)
	}
}

// Where no service answered, a curve has a gap.
func TestACurveHasAGapWhereNothingWasSeen(t *testing.T) {
	h, began := history{step: 1}, time.Now()
	for i := range 9 {
		h.add(began.Add(time.Duration(i)*time.Second), Point{Measured: i < 3 || i > 5, Lines: float64(i)})
	}
	if got := strings.Count(h.curves(nil)[0].Line, "M"); got != 2 {
		t.Errorf("%d pieces", got)
	}
	h.add(began.Add(10*time.Second), Point{})
	if c := h.curves(nil)[0]; c.Now != "unknown" {
		t.Errorf("now %q", c.Now)
	}
}

func TestChangesAreNoted(t *testing.T) {
	var c changes
	row := lab.ServiceStatus{Node: "chat", Service: "chatd", State: lab.Ready, PID: 7}
	at := time.Now()
	see := func(s lab.State, pid int) {
		row.State, row.PID = s, pid
		c.see(at, []lab.ServiceStatus{row})
	}
	see(lab.Ready, 7)
	see(lab.Ready, 8)
	see(lab.Down, 0)
	c.see(at, nil) // nothing was seen: no news
	see(lab.Ready, 9)
	var got []string
	for _, m := range c.list {
		got = append(got, m.Text)
	}
	if want := "chatd on chat was started again, chatd on chat is down, chatd on chat is ready"; strings.Join(got, ", ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Every state has a sign and a word of its own, in each shape of the drawing.
func TestEveryStateIsDrawnInWordsAndShape(t *testing.T) {
	inv, err := inventory.Load("../../../ansible/inventories/local")
	if err != nil {
		t.Fatal(err)
	}
	signs := map[string]lab.State{}
	for _, state := range states {
		look := Look{Lab: &lab.Lab{Inventory: inv}, Services: []lab.ServiceStatus{
			{Node: "chat", Service: inventory.Chatd, State: state, Address: "127.0.75.12:8082", Restarts: 2},
			{Node: "log", Service: inventory.Logd, State: lab.Ready}, {Node: "auth", Service: inventory.Authd, State: lab.Ready},
		}}
		got, err := parts(look)
		if err != nil {
			t.Fatal(err)
		}
		drawn := string(got["map"])
		if n := strings.Count(drawn, ">"+string(state)+"<tspan"); n != len(shapes) {
			t.Errorf("%s is written %d times in %d drawings", state, n, len(shapes))
		}
		sign, err := render("sign", class(state))
		if err != nil {
			t.Fatal(err)
		}
		_, shape, _ := strings.Cut(string(sign), ">")
		if other, twice := signs[shape]; twice {
			t.Errorf("%s has the sign of %s", state, other)
		}
		signs[shape] = state
		ill := strings.Contains(string(got["summary"]), "chatd on chat is "+string(state)+".")
		if ill == (state == lab.Ready) {
			t.Errorf("%s: %s", state, got["summary"])
		}
	}
}
