package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/inventory"
)

func TestALoadThatAChatServerRefusesIsRefusedWithWhatFits(t *testing.T) {
	inv, err := inventory.Load("../../../ansible/inventories/local")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		users, rate int
		fix         string // "": it fits
	}{
		{32, 600, ""},
		{10, 200, ""},
		{10, 201, "--rate 200, or --users 11"},
		{10, 100_000, "--rate 200"}, // more users than connections are taken from an address
		{2000, 600, "--users 1024"},
	} {
		err := checkLoad(drill.Options{Users: tt.users, Rate: tt.rate}, inv)
		if fix := errs.FixOf(err); (err == nil) != (tt.fix == "") || fix != tt.fix {
			t.Errorf("%d users, rate %d: %v; fix %q", tt.users, tt.rate, err, fix)
		}
	}
}

func TestAWrongOptionIsNamedWithItsValue(t *testing.T) {
	good := asked{Options: drill.Options{For: time.Second, Recovery: time.Second, Users: 2, Rate: 1}, report: "report.HTML"}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*asked){
		"--for 0s ":                  func(o *asked) { o.For = 0 },
		"--recovery -1s ":            func(o *asked) { o.Recovery = -time.Second },
		"--users 1 ":                 func(o *asked) { o.Users = 1 },
		"--rate 0 ":                  func(o *asked) { o.Rate = 0 },
		"--rooms -3 ":                func(o *asked) { o.Rooms = -3 },
		"--report r.txt ":            func(o *asked) { o.report = "r.txt" },
		"there is no folder nowhere": func(o *asked) { o.report = "nowhere/r.xml" },
	} {
		opt := good
		change(&opt)
		if err := opt.check(); !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v has no %q", err, want)
		}
	}
}

func TestTheListSaysWhatCannotRunHere(t *testing.T) {
	out, errOut, status := call(t, "drill", "--list", "--json", "--inventory", "../../../ansible/inventories/local")
	var list []listed
	if err := json.Unmarshal([]byte(out), &list); err != nil || status != 0 {
		t.Fatalf("status %d, %v: %s%s", status, err, out, errOut)
	}
	cannot := map[string]string{"stop-mariadb": "no mariadb", "partition": "cable", "power-off": "power"}
	for _, row := range list {
		if want, ok := cannot[row.Name]; ok && (row.Runs || !strings.Contains(row.Why, want)) {
			t.Errorf("%+v", row)
		}
		if row.Name == "flood" && (!row.Runs || row.Why != "") {
			t.Errorf("%+v", row)
		}
	}
	out, _, _ = call(t, "drill", "--list", "--inventory", "../../../ansible/inventories/local")
	for _, want := range []string{"\nflood          clients far beyond their rate\n", "; not here: the lab has no mariadb\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
