package drill

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

// lossyLab is a lab of one machine with a disk.
type lossyLab struct {
	lab.Target
	disk lab.Disk
	why  error
}

func (l lossyLab) Name() string { return "lossy" }

func (l lossyLab) Host(string) (lab.Host, error) { return lossyHost{lab: l}, nil }

type lossyHost struct {
	lab.Powered
	lab lossyLab
}

func (h lossyHost) Disk() (lab.Disk, error) { return h.lab.disk, h.lab.why }

func (h lossyHost) Run(ctx context.Context, argv ...string) (string, error) {
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
	return string(out), err
}

func TestAPowerCutThatLosesNothingIsBroken(t *testing.T) {
	for name, tt := range map[string]struct {
		cut    func(mark string) error
		broken bool
	}{
		"nothing lost":      {func(string) error { return nil }, true},
		"the file is lost":  {os.Remove, false},
		"its text is lost":  {func(mark string) error { return os.Truncate(mark, 0) }, false},
		"it cannot be made": {func(string) error { return errors.New("no power switch") }, false},
	} {
		dir := t.TempDir()
		l := &lab.Lab{Inventory: localInventory(t), Target: lossyLab{disk: lab.Disk{Dir: dir}}}
		r := &run{lab: l, id: "d1", report: reportOf(func(*Report) {})}
		node, _ := l.Inventory.Node("chat")
		err := r.marking(func(context.Context) error { return tt.cut(filepath.Join(dir, markName)) }, node)(t.Context())
		if err == nil {
			err = r.unmarked(t.Context(), node)
		}
		if broken := strings.Contains(strings.Join(r.report.Broken, " "), "lost nothing"); broken != tt.broken {
			t.Errorf("%s: %v, %v", name, r.report.Broken, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 && err == nil {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

func TestALabWhoseDisksDoNotServeADrillIsSkippedWithTheReason(t *testing.T) {
	loses, fills := Drill{loses: true}, Drill{fills: true}
	for _, tt := range []struct {
		drill Drill
		lab   lossyLab
		want  string
	}{
		{loses, lossyLab{}, ""},
		{fills, lossyLab{disk: lab.Disk{Own: true}}, ""},
		{fills, lossyLab{}, "system, which must not be full"},
		{loses, lossyLab{why: errs.E(errs.Usage, "no disks").WithFix("`lab up --power`")}, "no disks: `lab up --power`"},
	} {
		tt.drill.needs = []string{inventory.Chatd}
		why := tt.drill.Skipped(&lab.Lab{Inventory: localInventory(t), Target: tt.lab})
		if (why == "") != (tt.want == "") || !strings.Contains(why, tt.want) {
			t.Errorf("%+v: %q, want %q", tt.lab, why, tt.want)
		}
	}
}

func TestACommandOfTheNodeHeals(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, fullName)
	l := lossyLab{Target: &recorder{}, disk: lab.Disk{Dir: dir, Own: true}}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	state := cutShort(t, undo{Node: "log", Run: []string{"rm", "-f", file}})
	if n, err := Heal(t.Context(), &lab.Lab{Target: l}, state); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the file is still there")
	}
}

func TestAFullDiskMustBeRefusedWithItsOwnCode(t *testing.T) {
	for name, tt := range map[string]struct {
		refused map[errs.Code]int
		ok      bool
	}{
		"unavailable": {map[errs.Code]int{errs.Unavailable: 3, errs.RateLimited: 1}, true},
		"nobody told": {nil, false},
		"other code":  {map[errs.Code]int{errs.Unavailable: 3, errs.Internal: 1}, false},
	} {
		r := &run{crew: &crew{}, report: reportOf(func(r *Report) { r.Refused = tt.refused })}
		if err := r.onlyUnavailable(t.Context()); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
