package nspawn

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/local"
)

// recorder is a Progress that keeps its notes.
type recorder struct {
	lab.Silent
	notes []string
}

func (r *recorder) Note(took time.Duration, what string) {
	r.notes = append(r.notes, took.String()+" "+what)
}

func TestAPlaybooksProgressIsRead(t *testing.T) {
	out := `[WARNING]: something
{"event":"ok","host":"log","task":"base : fast","seconds":0.4}
{"event":"ok","host":"log","task":"base : slow","seconds":7}
{"event":"failed","host":"auth","task":"mariadb : Run","tags":["x","mariadb"],"message":"it burns","detail":["a","b"]}
{"event":"failed","host":"log","task":"later","message":"not the first"}
{"event":"stats","stats":{"log":{"ok":3,"changed":1,"failures":1}}}
`
	p := &recorder{}
	failed, recap := follow(strings.NewReader(out), p)
	if !slices.Equal(p.notes, []string{"7s log: base : slow"}) || recap["log"].Changed != 1 || failed == nil || failed.Host != "auth" {
		t.Errorf("%v %v %v", p.notes, recap, failed)
	}
	target := &Target{machines: &Machines{state: "/s"}}
	var start *local.StartError
	err := target.explain("site.yml", failed)
	if !errors.As(err, &start) || start.Err.Error() != "auth: mariadb : Run: it burns" || !strings.Contains(errs.FixOf(err), "--from mariadb") || len(start.Tail) != 2 {
		t.Errorf("%v %q", err, errs.FixOf(err))
	}
	if err := target.explain("site.yml", &taskEvent{Event: "unreachable", Host: "log", Message: "no route"}); !strings.Contains(err.Error(), "log cannot be reached") {
		t.Error(err)
	}
}

func TestThePlaybookCanBeginInTheMiddle(t *testing.T) {
	inv := parse(t, text)
	target, err := New(Config{State: "/s", Inventory: inv, Project: "../../..", Profile: "debian13"})
	if err != nil {
		t.Fatal(err)
	}
	args, err := target.playArgs("site.yml", "authd")
	if err != nil || args[len(args)-1] != "authd,zabbix,grafana" || !slices.Contains(args, "grafana_absent=true") || !slices.Contains(args, "chatlab_profile=debian13") {
		t.Errorf("%q %v", args, err)
	}
	if _, err := target.playArgs("site.yml", "nothing"); !errs.Is(err, errs.Usage) {
		t.Error(err)
	}
	for _, a := range args {
		if strings.Contains(a, "secret") && !strings.Contains(a, "/s/secrets/ssh.key") {
			t.Errorf("%q", a)
		}
	}
	target.cfg.Inventory = parse(t, strings.Replace(text, "vars: {", "vars: {grafana_package_file: /f.deb, grafana_plugin_zip: /f.zip, ", 1))
	if args, err = target.playArgs("site.yml", ""); err != nil || slices.Contains(args, "grafana_absent=true") {
		t.Errorf("with files of Grafana: %q %v", args, err)
	}
	site, err := os.ReadFile("../../../ansible/site.yml")
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, part := range parts {
		found := strings.Index(string(site)[at:], "tags: ["+part)
		if found < 0 {
			t.Errorf("ansible/site.yml has no tag %s after the one before it in parts", part)
			continue
		}
		at += found
	}
}
