package nspawn

import (
	"os"
	"path/filepath"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab/profile"
)

// System returns the profile of a name, of the default one for "". Code usage
// where no machine can be made of it.
func System(project, name string) (profile.Profile, error) {
	if name == "" {
		name = profile.Default
	}
	found, err := profile.Find(project, name)
	if err == nil && found.System.Suite == "" {
		err = errs.E(errs.Usage, "profile %s is for %s, and target nspawn makes machines of Debian", name, found.System.Title).
			WithFix("a profile of Debian, as --profile %s; %s is for the targets vagrant and hosts", profile.Default, name)
	}
	return found, err
}

func (s *Machines) profilePath() string { return filepath.Join(s.run(), "profile") }

// system returns the profile of the machines: the one that they were made with, or
// else the one that is asked for. Code usage where these differ.
func (s *Machines) system() (profile.Profile, error) {
	text, err := os.ReadFile(s.profilePath())
	if err != nil && !os.IsNotExist(err) {
		return profile.Profile{}, errs.E(errs.Usage, "state folder: %w", err)
	}
	name, made := s.cfg.Profile, strings.TrimSpace(string(text))
	if name == "" {
		name = made
	}
	if made != "" && name != made {
		return profile.Profile{}, errs.E(errs.Usage, "the machines in %s have profile %s, not %s", s.state, made, name).
			WithFix("leave --profile out, or begin anew: `lab down --target nspawn --purge`")
	}
	return System(s.cfg.Project, name)
}

// recordSystem keeps which profile the machines are made with.
func (s *Machines) recordSystem(made profile.Profile) error {
	if err := files.Update(s.profilePath(), []byte(made.Name+"\n"), 0o600); err != nil {
		return errs.E(errs.Usage, "state folder: %w", err)
	}
	return nil
}
