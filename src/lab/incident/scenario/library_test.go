package scenario

import (
	"slices"
	"testing"

	"chatlab/src/errs"
)

func embedded(t *testing.T) []*Scenario {
	t.Helper()
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestThereAreFiveOfEachLevelAndThreeForThisMachine(t *testing.T) {
	levels, local := map[int]int{}, map[int]int{}
	for _, s := range embedded(t) {
		levels[s.Level]++
		root := slices.ContainsFunc(s.Faults, func(f Fault) bool { return f.Kind == DiskFull || f.Kind == Permissions })
		if (len(s.Needs.Targets) == 0 || slices.Contains(s.Needs.Targets, "local")) && !root {
			local[s.Level]++
		}
	}
	for level := 1; level <= 3; level++ {
		if levels[level] < 5 || local[level] < 3 {
			t.Errorf("level %d: %d, of them %d on target local without root", level, levels[level], local[level])
		}
	}
}

func TestNamesAndStoriesDoNotNameTheCause(t *testing.T) {
	for _, s := range embedded(t) {
		for _, part := range services {
			if s.Name == part {
				t.Errorf("%s is called after a service", s.Name)
			}
		}
		if len(s.Hints) < 3 {
			t.Errorf("%s has %d hints", s.Name, len(s.Hints))
		}
	}
}

func TestTheSameSeedDrawsTheSameIncident(t *testing.T) {
	all := embedded(t)
	anywhere := func(*Scenario) string { return "" }
	drawn := map[string]bool{}
	for seed := range uint64(60) {
		a, err := Draw(all, 2, seed, anywhere)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := Draw(all, 2, seed, anywhere); a != b || a.Level != 2 {
			t.Errorf("seed %d: %s and %s, level %d", seed, a.Name, b.Name, a.Level)
		}
		drawn[a.Name] = true
	}
	if len(drawn) < 5 {
		t.Errorf("60 seeds draw only %v", drawn)
	}
	if _, err := Draw(all, 1, 1, func(*Scenario) string { return "not here" }); !errs.Is(err, errs.Usage) {
		t.Error(err)
	}
}
