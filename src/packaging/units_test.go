package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// known219 are the directives of systemd 219, as CentOS 7 has it, that a unit
// here may use. An unknown one is only logged there: the service would start
// without what it asks for.
var known219 = map[string]string{
	"Unit":    "Description Documentation After Before Wants Requires",
	"Install": "WantedBy",
	"Service": "Type User Group EnvironmentFile ExecStart ExecStop Restart RestartSec StartLimitInterval StartLimitBurst TimeoutStopSec " +
		"UMask LimitNOFILE NoNewPrivileges CapabilityBoundingSet PrivateTmp PrivateDevices ProtectHome ProtectSystem ReadOnlyDirectories " +
		"ReadWriteDirectories InaccessibleDirectories RestrictAddressFamilies SystemCallArchitectures RuntimeDirectory SyslogIdentifier",
}

// values219 are the only values of directives whose later ones systemd 219
// refuses, which leaves the service with no protection at all.
var values219 = map[string][]string{"ProtectSystem": {"yes", "full"}, "ProtectHome": {"yes", "read-only"}}

var sectionLine = regexp.MustCompile(`^\[(\w+)\]$`)

func TestUnitsUseOnlyWhatSystemd219Knows(t *testing.T) {
	units, err := filepath.Glob("units/*.service")
	if err != nil || len(units) == 0 {
		t.Fatal(units, err)
	}
	for _, path := range units {
		for _, fault := range faults219(read(t, path)) {
			t.Errorf("%s: %s", path, fault)
		}
	}
}

func TestTheListOfDirectivesFindsFaults(t *testing.T) {
	for text, fault := range map[string]string{
		"[Service]\nStateDirectory=x":       "StateDirectory",
		"[Service]\nProtectSystem=strict":   "ProtectSystem=strict",
		"[Unit]\nStartLimitIntervalSec=0":   "StartLimitIntervalSec",
		"[Service]\nReadWritePaths=/var":    "ReadWritePaths",
		"[Service]\nExecStart=/x %S/chat":   "%S",
		"[Service]\nStandardOutput=append:": "StandardOutput",
	} {
		if got := faults219(text); len(got) != 1 || !strings.Contains(got[0], fault) {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func faults219(text string) []string {
	var faults []string
	section := ""
	for _, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if m := sectionLine.FindStringSubmatch(line); m != nil {
			section = m[1]
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		allowed := values219[key]
		switch {
		case !slices.Contains(strings.Fields(known219[section]), key):
			faults = append(faults, "["+section+"] "+key+" is not in the list")
		case allowed != nil && !slices.Contains(allowed, value):
			faults = append(faults, line+" is refused")
		case regexp.MustCompile(`%[SLC]`).MatchString(value):
			faults = append(faults, line+": systemd 219 has no %S, %L, %C")
		}
	}
	return faults
}

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
