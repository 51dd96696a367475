package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"chatlab/src/errs"
)

// module is a Go module that is part of a program.
type module struct {
	Path, Version, Sum string
	Dir                string   // its source
	licences           []string // files of Dir
}

// licenceFile matches the files whose text goes along.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|copyright)([._-].*)?$`)

// modulesOf lists the modules that the programs of a folder were built from, Go's own
// library first. Fails where one has no licence: a release without it may not be given
// away.
func modulesOf(ctx context.Context, bin string) ([]module, error) {
	found := map[string]module{}
	for _, name := range programs() {
		info, err := buildinfo.ReadFile(filepath.Join(bin, name))
		if err != nil {
			return nil, errs.E(errs.Failed, "modules of %s: %w", name, err)
		}
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			found[m.Path] = module{Path: m.Path, Version: m.Version, Sum: m.Sum}
		}
		found["std"] = module{Path: "std", Version: strings.Fields(info.GoVersion)[0]}
	}
	if err := locate(ctx, found); err != nil {
		return nil, err
	}
	var out []module
	for _, m := range found {
		entries, err := os.ReadDir(m.Dir)
		if err != nil {
			return nil, errs.E(errs.Failed, "modules: %w", err)
		}
		for _, e := range entries {
			if !e.IsDir() && licenceFile.MatchString(e.Name()) {
				m.licences = append(m.licences, e.Name())
			}
		}
		if len(m.licences) == 0 {
			return nil, errs.E(errs.Failed, "module %s %s has no file with a licence", m.Path, m.Version).WithFix("look at %s, and take another module if it has none", m.Dir)
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// locate finds the modules' sources.
func locate(ctx context.Context, found map[string]module) error {
	args := []string{"list", "-m", "-json"}
	for path := range found {
		if path != "std" {
			args = append(args, path)
		}
	}
	text, err := exec.CommandContext(ctx, "go", args...).Output()
	if err != nil {
		return errs.E(errs.Failed, "go list -m: %w", err).WithFix("go mod download")
	}
	list := json.NewDecoder(bytes.NewReader(text))
	for {
		var m module
		if err := list.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return errs.E(errs.Failed, "go list -m: %w", err)
		}
		known := found[m.Path]
		known.Dir = m.Dir
		found[m.Path] = known
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return errs.E(errs.Failed, "go env: %w", err)
	}
	std := found["std"]
	std.Dir = strings.TrimSpace(string(root))
	found["std"] = std
	return nil
}
