package nspawn

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// defaultSources are used where this host does not say better.
const defaultSources = "deb http://deb.debian.org/debian bookworm main\n" +
	"deb http://deb.debian.org/debian bookworm-updates main\n" +
	"deb http://deb.debian.org/debian-security bookworm-security main\n"

// aptSources returns the sources.list of the machines: this host's own mirrors
// where it is of the same release. The first line has what debootstrap uses.
func aptSources(ctx context.Context) string {
	text, err := output(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages", "Origin: Debian")
	if err != nil {
		return defaultSources
	}
	return sourcesFrom(text)
}

// sourcesFrom makes a sources.list from lines `URI RELEASE COMPONENT`.
func sourcesFrom(text string) string {
	var lines []string
	whole := false
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 || f[2] != "main" || !strings.HasPrefix(f[1], suite) {
			continue
		}
		entry := fmt.Sprintf("deb %s %s main", strings.TrimSuffix(f[0], "/"), f[1])
		switch {
		case slices.Contains(lines, entry):
		case f[1] == suite:
			whole = true
			lines = slices.Insert(lines, 0, entry)
		default:
			lines = append(lines, entry)
		}
	}
	if !whole {
		return defaultSources
	}
	return strings.Join(lines, "\n") + "\n"
}

// aptSettings returns the settings by which this host's apt reaches its
// mirrors, as apt.conf wants them.
func aptSettings(ctx context.Context) string {
	text, err := output(ctx, "apt-config", "dump", "--no-empty", "Acquire")
	if err != nil {
		return ""
	}
	return settingsFrom(text)
}

// settingsFrom keeps what concerns the way to the mirrors. Languages none keeps
// apt's lists small.
func settingsFrom(text string) string {
	out := "Acquire::Languages \"none\";\n"
	for line := range strings.Lines(text) {
		for _, key := range []string{"Acquire::http::", "Acquire::https::", "Acquire::Check-Valid-Until ", "Acquire::Check-Date ", "Acquire::Retries "} {
			if strings.HasPrefix(line, key) {
				out += line
			}
		}
	}
	return out
}
