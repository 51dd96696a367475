package nspawn

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// defaultSources are used where this host does not say better.
func defaultSources(suite string) string {
	return "deb http://deb.debian.org/debian " + suite + " main\n" +
		"deb http://deb.debian.org/debian " + suite + "-updates main\n" +
		"deb http://deb.debian.org/debian-security " + suite + "-security main\n"
}

// aptSources returns the sources.list of machines of a Debian release: this
// host's own mirrors. The first line has what debootstrap uses.
func aptSources(ctx context.Context, suite string) string {
	text, err := output(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages", "Origin: Debian")
	if err != nil {
		return defaultSources(suite)
	}
	return sourcesFrom(text, suite)
}

// sourcesFrom makes a sources.list from lines `URI RELEASE COMPONENT`: those of
// the wanted release, or else of this host's own, as a mirror has several.
func sourcesFrom(text, suite string) string {
	for _, wanted := range []string{suite, ""} {
		if lines := mirrorsOf(text, wanted, suite); len(lines) > 0 {
			return strings.Join(lines, "\n") + "\n"
		}
	}
	return defaultSources(suite)
}

// additions are the suffixes of a release's suites: the release itself, its updates, its security fixes.
var additions = []string{"", "-updates", "-security"}

// mirrorsOf returns the entries of a sources.list for suite, on the mirrors from
// which text takes the release of, or any release if that is "". There is none
// without a mirror of the release itself, which comes first.
func mirrorsOf(text, of, suite string) []string {
	var lines []string
	whole := false
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 || f[2] != "main" {
			continue
		}
		release, addition, _ := strings.Cut(f[1], "-")
		if addition != "" {
			addition = "-" + addition
		}
		if of != "" && release != of || !slices.Contains(additions, addition) {
			continue
		}
		entry := fmt.Sprintf("deb %s %s main", strings.TrimSuffix(f[0], "/"), suite+addition)
		switch {
		case slices.Contains(lines, entry):
		case addition == "":
			whole = true
			lines = slices.Insert(lines, 0, entry)
		default:
			lines = append(lines, entry)
		}
	}
	if !whole {
		return nil
	}
	return lines
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
