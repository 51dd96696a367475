// Package profile reads which systems the lab's machines may have: each file of
// ansible/profiles describes one.
package profile

import (
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"chatlab/src/errs"
)

// Default is the profile of machines that are made here, where none is named.
const Default = "debian12"

// Debian is the family of the systems that install .deb packages.
const Debian = "debian"

// Profile is one kind of system.
type Profile struct {
	Name   string `yaml:"profile_name"`
	Family string `yaml:"profile_family"` // debian or el
	System System `yaml:"profile_system"`
}

// System is what a machine says of itself in /etc/os-release, and the image that
// machines of this host are made of.
type System struct {
	Title    string   `yaml:"title"` // for people
	IDs      []string `yaml:"ids"`
	Version  string   `yaml:"version"`  // the major one
	Suite    string   `yaml:"suite"`    // the Debian release of the image; "" where no machine can be made of it
	Packages []string `yaml:"packages"` // in the image besides those that every machine has
	Script   string   `yaml:"script"`   // of the shell, run in the image when it is complete
}

// All returns the profiles of a project, by name. Fails with code usage.
func All(project string) ([]Profile, error) {
	paths, err := filepath.Glob(filepath.Join(project, "ansible", "profiles", "*.yml"))
	if err != nil {
		return nil, errs.E(errs.Usage, "profiles: %w", err)
	}
	var out []Profile
	for _, path := range paths {
		p, err := read(path)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// Find returns one profile of a project. Fails with code usage, and names those
// that there are.
func Find(project, name string) (Profile, error) {
	all, err := All(project)
	if err != nil {
		return Profile{}, err
	}
	var names []string
	for _, p := range all {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Profile{}, errs.E(errs.Usage, "unknown profile %q", name).WithFix("--profile %s", strings.Join(names, "|"))
}

func read(path string) (Profile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Profile{}, errs.E(errs.Usage, "profile: %w", err)
	}
	var p Profile
	if err := yaml.Unmarshal(text, &p); err != nil {
		return Profile{}, errs.E(errs.Usage, "profile %s: %w", path, err)
	}
	if p.Name+".yml" != filepath.Base(path) || p.Family == "" || p.System.Title == "" || p.Family == Debian && p.System.Suite == "" {
		return Profile{}, errs.E(errs.Usage, "profile %s is not complete", path).
			WithFix("it needs profile_name, profile_family and profile_system: {title, ids, version, and for Debian suite}")
	}
	return p, nil
}
