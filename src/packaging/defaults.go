package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"chatlab/src/errs"
)

// flagLine is a line of a daemon's --help: --name type, usage, default.
var flagLine = regexp.MustCompile(`^ +--([a-z0-9.-]+)(?: ([a-z]+))?(?:\[=[^ ]*)? {2,}(.*?)(?: \(default (.*)\))?$`)

// mongodEnv configures the embedded database, whose program reads no file.
const mongodEnv = `# Configuration of chatlab-mongod.
# Where it listens, host:port. It knows no users: a private address only.
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
	above := "" // the mapping that the last key stood in
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

// write adds one key. A mapping whose keys are all commented is commented too.
func (c config) write(text *strings.Builder, above, key, kind, usage, value string) string {
	parent, name, nested := cut(key)
	if nested && parent != above {
		fmt.Fprintf(text, "\n%s%s:\n", c.mark(parent+"."), parent)
	} else if !nested {
		fmt.Fprintln(text)
	}
	indent := ""
	if nested {
		indent = "  "
	}
	mark := c.mark(key)
	if set, ours := c.set[key]; ours {
		value = set
	}
	if value == "" {
		value = map[string]string{"strings": "[]", "string": `""`, "int": "0", "float": "0", "duration": "0s"}[kind]
		if value == "" {
			value = `""`
		}
	}
	fmt.Fprintf(text, "%s# %s\n%s%s%s: %s\n", indent, usage, indent, mark, name, value)
	return parent
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

func cut(key string) (parent, name string, nested bool) {
	i := strings.LastIndexByte(key, '.')
	if i < 0 {
		return "", key, false
	}
	return key[:i], key[i+1:], true
}
