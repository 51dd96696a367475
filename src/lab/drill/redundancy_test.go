package drill

import (
	"context"
	"slices"
	"testing"
	"time"

	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/watch"
	"chatlab/src/zabbix"
)

func inventoryOf(t *testing.T, name string) *lab.Lab {
	t.Helper()
	inv, err := inventory.Load("../../../ansible/inventories/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return &lab.Lab{Inventory: inv, Target: &recorder{}}
}

// wants is what a drill of the catalogue must and may raise on a lab.
func wants(t *testing.T, name string, l *lab.Lab) expected {
	t.Helper()
	found, err := Find([]string{name})
	if err != nil || found[0].alarms == nil {
		t.Fatalf("%s: %v", name, err)
	}
	return found[0].alarms(l)
}

const (
	authLost = "Redundancy lost: {ITEM.VALUE1} of {ITEM.VALUE2} auth servers answer"
	chatLost = "Redundancy lost: {ITEM.VALUE1} of {ITEM.VALUE2} chat servers answer"
	logLost  = "Redundancy lost: {ITEM.VALUE1} of {ITEM.VALUE2} log servers answer"
)

func TestADrillMustLoseTheRedundancyOfTheRightService(t *testing.T) {
	l := inventoryOf(t, "ha")
	together := func(triggers ...string) (out []watch.Problem) {
		for _, tr := range triggers {
			out = append(out, watch.Problem{Host: "all services", Trigger: tr})
		}
		return out
	}
	silent := []watch.Problem{
		{Host: "chat", Trigger: "The agent does not answer"}, {Host: "chat services", Trigger: "healthd does not answer"},
		{Host: "auth", Trigger: "The agent does not answer"}, {Host: "auth services", Trigger: "healthd does not answer"},
	}
	for name, want := range map[string]expected{
		"power-off": {must: together(authLost, chatLost, logLost), allowed: append(silent,
			watch.Problem{Host: "auth services", Trigger: zabbix.DatabaseLost}, watch.Problem{Host: "log services", Trigger: zabbix.ChatLogLost})},
		"partition": {must: append(together(authLost, chatLost, logLost), silent...), allowed: []watch.Problem{
			{Host: "log services", Trigger: zabbix.DatabaseLost}, {Host: "chat services", Trigger: zabbix.NoQuorum}}},
		"kill-chatd":   {allowed: append(together(chatLost), watch.Problem{Host: "auth services", Trigger: zabbix.ChatLogLost})},
		"kill-authd":   {allowed: together(authLost)},
		"kill-logd":    {allowed: together(logLost)},
		"stop-mongodb": {must: raises(inventory.Logd, "MongoDB is down")(l).must, allowed: together("No log server answers")},
		"stop-mariadb": {must: raises(inventory.Authd, "MariaDB is down")(l).must, allowed: []watch.Problem{{Host: "chat services", Trigger: zabbix.DatabaseLost}}},
	} {
		got := wants(t, name, l)
		for kind, lists := range map[string][2][]watch.Problem{"must": {want.must, got.must}, "may": {want.allowed, got.allowed}} {
			for _, p := range lists[0] {
				if !slices.Contains(lists[1], p) {
					t.Errorf("%s: %s %s is not among %v", name, kind, p, lists[1])
				}
			}
		}
		if want.must != nil && len(got.must) != len(want.must) {
			t.Errorf("%s must raise %v, want %v", name, got.must, want.must)
		}
	}
	if got := wants(t, "kill-chatd", l); slices.Contains(got.allowed, together(authLost)[0]) {
		t.Error("killed chat servers may not lose the redundancy of the auth servers")
	}
}

func TestALabWithOneOfEachHasNoRedundancyToLose(t *testing.T) {
	l := inventoryOf(t, "lab")
	for _, name := range []string{"power-off", "partition", "kill-chatd", "stop-mariadb"} {
		got := wants(t, name, l)
		for _, p := range slices.Concat(got.must, got.allowed) {
			if p.Host == watch.Together || p.Trigger == zabbix.ChatLogLost || p.Trigger == zabbix.DatabaseLost {
				t.Errorf("%s: %s", name, p)
			}
		}
	}
	if got := len(wants(t, "partition", l).must); got != 4 {
		t.Errorf("a partition must raise %d problems, want 4", got)
	}
}

// The machine that Zabbix is not on is away until the loss is told; its own only
// for a moment.
func TestAMachineIsAwayUntilTheLossIsTold(t *testing.T) {
	l := inventoryOf(t, "ha")
	r := &run{lab: l, vigil: newVigil(&script{steps: [][]watch.Problem{redundancy(l).must}}, darkness(l), patience{poll: time.Millisecond})}
	node := func(name string) inventory.Node {
		n, ok := l.Inventory.Node(name)
		if !ok {
			t.Fatalf("no node %s", name)
		}
		return n
	}
	if _, got := r.away(node("log"), time.Hour, longestDark); got != longestDark {
		t.Errorf("the machine of Zabbix is away for %s", got)
	}
	shows, hold := r.away(node("chat"), time.Hour, longestDark)
	if hold != time.Hour || !slices.Contains(shows, watch.Together) {
		t.Errorf("another is away for %s at the most, for %v", hold, shows)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r.vigil.look(ctx)
	r.hold(ctx, fault{hold: hold, shows: shows})
	if ctx.Err() != nil {
		t.Error("it stayed away after the loss was told")
	}
	if shows, hold := r.away(node("auth"), time.Hour, longestDark); hold != longestDark || shows != nil {
		t.Errorf("when all was told another is away for %s", hold)
	}
}
