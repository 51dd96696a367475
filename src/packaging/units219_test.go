package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// known219 are the directives of systemd 219, as CentOS 7 has it, that a unit
// here may use. An unknown one is only logged there: the service would start
// without what it asks for.
var known219 = map[string]string{
	"Unit":    "Description Documentation After Before Wants Requires",
	"Install": "WantedBy",
	"Service": "Type User Group Environment EnvironmentFile PermissionsStartOnly ExecStartPre ExecStart ExecStop ExecStopPost Restart RestartSec " +
		"StartLimitInterval StartLimitBurst TimeoutStartSec TimeoutStopSec RuntimeDirectoryMode " +
		"UMask LimitNOFILE LimitNPROC LimitCORE MemoryLimit NoNewPrivileges CapabilityBoundingSet PrivateTmp PrivateDevices ProtectHome ProtectSystem ReadOnlyDirectories " +
		"ReadWriteDirectories InaccessibleDirectories RestrictAddressFamilies SystemCallArchitectures RuntimeDirectory SyslogIdentifier",
}

// values219 are the only values of directives whose later ones systemd 219
// refuses, which leaves the service with no protection at all.
var values219 = map[string][]string{"ProtectSystem": {"yes", "full"}, "ProtectHome": {"yes", "read-only"}}

var sectionLine = regexp.MustCompile(`^\[(\w+)\]$`)

// prefix219 are the characters that systemd 219 takes before the path of a program;
// it ignores a line with another one.
var prefix219 = regexp.MustCompile(`^[-@]*/`)

const goldenEL7 = "../../ansible/tests/golden/el7"

// The packages' units, and the units and drop-ins that the roles write on CentOS 7.
func TestUnitsUseOnlyWhatSystemd219Knows(t *testing.T) {
	var units []string
	for _, pattern := range []string{"units/*.service", goldenEL7 + "*/*/etc/systemd/system/*.service", goldenEL7 + "*/*/etc/systemd/system/*/*.conf"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatal(pattern, found, err)
		}
		units = append(units, found...)
	}
	for _, path := range units {
		for _, fault := range faults219(read(t, path)) {
			t.Errorf("%s: %s", path, fault)
		}
	}
}

// unitPath is a path below systemd's folder, as a role names it.
var unitPath = regexp.MustCompile(`/etc/systemd/system/[^"',\s{}]*(?:\{\{[^}]*\}\}[^"',\s{}]*)*`)

// A unit or drop-in that no golden file shows would not be looked at above.
func TestEveryUnitOfTheRolesIsRendered(t *testing.T) {
	files, err := filepath.Glob("../../ansible/roles/*/*/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	found := 0
	for _, file := range files {
		for _, path := range unitPath.FindAllString(read(t, file), -1) {
			pattern := regexp.MustCompile(`\{\{[^}]*\}\}`).ReplaceAllString(path, "*")
			if !strings.HasSuffix(pattern, ".service") && !strings.HasSuffix(pattern, ".conf") || strings.Contains(pattern, "firewall") {
				continue // a folder, or a unit of Debian's firewall
			}
			found++
			if rendered, _ := filepath.Glob(goldenEL7 + "*/*" + pattern); len(rendered) == 0 {
				t.Errorf("%s: %s is in no golden file: add it to render.yml", file, path)
			}
		}
	}
	if found < 6 {
		t.Errorf("found %d units and drop-ins", found)
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
		"[Service]\nExecStartPre=+/bin/x":   "prefix",
		"[Service]\nExecStopPost=!/bin/x":   "prefix",
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
		case strings.HasPrefix(key, "Exec") && !prefix219.MatchString(value):
			faults = append(faults, line+" begins with a prefix that is ignored")
		case regexp.MustCompile(`%[SLC]`).MatchString(value):
			faults = append(faults, line+": systemd 219 has no %S, %L, %C")
		}
	}
	return faults
}
