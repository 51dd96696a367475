package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"chatlab/src/errs"
)

// flagLine is a line of a daemon's --help: --name type, usage, default.
var flagLine = regexp.MustCompile(`^ +--([a-z0-9.-]+)(?: ([a-z]+))?(?:\[=[^ ]*)? {2,}(.*?)(?: \(default (.*)\))?$`)

// mongodEnv configures the embedded database, whose program reads no file.
const mongodEnv = `# Configuration of chatlab-mongod.
# Where it listens, host:port. The certificates of /etc/chatlab/tls keep it to log servers and the operator.
MONGOD_LISTEN=127.0.0.1:27017
`

// text writes a default configuration: every key of the program, commented
// unless the package sets it.
func (c config) text(ctx context.Context, bin string) (string, error) {
	if c.program == "" {
		return mongodEnv, nil
	}
	out, err := exec.CommandContext(ctx, filepath.Join(bin, c.program), "--help").Output()
	if err != nil {
		return "", errs.E(errs.Usage, "%s --help: %w", filepath.Join(bin, c.program), err).WithFix("make build")
	}
	text := &strings.Builder{}
	fmt.Fprintf(text, "# Configuration of %s, as the package brings it: a key that stands\n"+
		"# behind a # has that default. See also `%s/%s --help`.\n", c.program, binDir, c.program)
	var above []string // the mappings that the last key stood in
	keys := 0
	for _, line := range strings.Split(string(out), "\n") {
		m := flagLine.FindStringSubmatch(line)
		if m == nil || m[1] == "config" || m[1] == "version" {
			continue
		}
		keys++
		above = c.write(text, above, strings.ReplaceAll(m[1], "-", "_"), m[2], m[3], m[4])
	}
	if keys == 0 {
		return "", errs.E(errs.Failed, "%s --help names no flags", c.program)
	}
	return text.String(), nil
}

// write adds one key, and returns the mappings that it stands in. A mapping whose keys
// are all commented is commented too.
func (c config) write(text *strings.Builder, above []string, key, kind, usage, value string) []string {
	path := strings.Split(key, ".")
	parents := path[:len(path)-1]
	if len(parents) == 0 || len(above) == 0 || above[0] != parents[0] {
		fmt.Fprintln(text)
	}
	indent := func(depth int) string { return strings.Repeat("  ", depth) }
	for i, parent := range parents {
		if i >= len(above) || !slices.Equal(above[:i+1], parents[:i+1]) {
			fmt.Fprintf(text, "%s%s%s:\n", indent(i), c.mark(strings.Join(parents[:i+1], ".")+"."), parent)
		}
	}
	if set, ours := c.set[key]; ours {
		value = set
	}
	if value == "" {
		value = map[string]string{"strings": "[]", "string": `""`, "int": "0", "float": "0", "duration": "0s"}[kind]
		if value == "" {
			value = `""`
		}
	}
	in := indent(len(parents))
	fmt.Fprintf(text, "%s# %s\n%s%s%s: %s\n", in, usage, in, c.mark(key), path[len(path)-1], value)
	return parents
}

// mark is "#" before a key, or before a prefix of keys, none of which the
// package sets.
func (c config) mark(prefix string) string {
	for key := range c.set {
		if key == prefix || strings.HasSuffix(prefix, ".") && strings.HasPrefix(key, prefix) {
			return ""
		}
	}
	return "#"
}
