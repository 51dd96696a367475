package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Each unit's user is its own, writes only below its own data, and is what the
// package's scripts make.
func TestUnitsAgreeWithPackages(t *testing.T) {
	units := 0
	for _, p := range packages() {
		s := p.service
		if s == nil {
			continue
		}
		units++
		text := read(t, "units/chatlab-"+s.name+".service")
		var dirs []string
		for _, dir := range s.data {
			dirs = append(dirs, dataDir+"/"+dir)
		}
		for _, line := range []string{
			"User=chatlab-" + s.name, "Group=" + s.group, "ReadWriteDirectories=" + strings.Join(dirs, " "), "UMask=0077",
			"NoNewPrivileges=yes", "ProtectSystem=full", "CapabilityBoundingSet=", "Restart=always", "StartLimitInterval=0",
		} {
			if !strings.Contains(text, "\n"+line+"\n") {
				t.Errorf("chatlab-%s.service lacks %q", s.name, line)
			}
		}
	}
	if all, _ := filepath.Glob("units/*"); len(all) != units {
		t.Errorf("%d units, %d services", len(all), units)
	}
}

var limit = regexp.MustCompile(`(?m)^(?:MemoryLimit=(\d+)M|Environment=GOMEMLIMIT=(\d+)MiB)$`)

// The Go runtime collects more often from four fifths of the memory on: a flood makes
// a daemon slower, and the kernel does not kill it.
func TestUnitsLimitMemoryTasksAndCoreDumps(t *testing.T) {
	for _, p := range packages() {
		if p.service == nil {
			continue
		}
		text := read(t, "units/chatlab-"+p.service.name+".service")
		found := limit.FindAllStringSubmatch(text, -1)
		if len(found) != 2 || found[0][1] == "" || found[1][2] == "" {
			t.Errorf("%s: limits %q", p.name, found)
			continue
		}
		memory, _ := strconv.Atoi(found[0][1])
		if got, _ := strconv.Atoi(found[1][2]); got != memory*80/100 {
			t.Errorf("%s: GOMEMLIMIT %d MiB is not 80 %% of %d MiB", p.name, got, memory)
		}
		for _, line := range []string{"LimitCORE=0", "LimitNPROC=512"} {
			if !strings.Contains(text, "\n"+line+"\n") {
				t.Errorf("%s lacks %s", p.name, line)
			}
		}
	}
}

// maxExposure is the highest figure of `systemd-analyze security` for a unit.
const maxExposure = 4.0

var overall = regexp.MustCompile(`Overall exposure level for (\S+): ([0-9.]+)`)

func TestUnitsAreHardenedOnNewerSystemd(t *testing.T) {
	need(t, "systemd-analyze")
	for _, p := range packages() {
		if p.service == nil {
			continue
		}
		dir := t.TempDir()
		unit := filepath.Join(dir, "chatlab-"+p.service.name+".service")
		write(t, unit, embedded("units/"+filepath.Base(unit)))
		write(t, unit+".d/10-hardening.conf", embedded("hardening/10-hardening.conf"))
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", unit).CombinedOutput()
		m := overall.FindSubmatch(out)
		if err != nil || m == nil {
			t.Fatalf("systemd-analyze security: %v\n%s", err, out)
		}
		figure, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil || figure > maxExposure {
			t.Errorf("%s: exposure %s, at most %.1f\n%s", filepath.Base(unit), m[2], maxExposure, out)
		}
		t.Logf("%s: exposure %s", filepath.Base(unit), m[2])
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
