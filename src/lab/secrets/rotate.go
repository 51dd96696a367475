package secrets

import (
	"slices"

	"chatlab/src/errs"
)

// Steps of a rotation. A file holds one secret a line. After Add, the new one is the
// last line: services know it and do not use it, and databases take it. After Use, it
// is the first.
const (
	Add = "add"
	Use = "use"
)

// olderKeys are the signing keys kept below the new one: tokens that they signed are
// in use, even where one rotation follows another at once.
const olderKeys = 2

// Rotate takes one step for the kinds of secrets, all of them if none is named.
// Certificates are made anew at Add: old and new are of one authority, so the order
// does not matter. Codes: usage, failed.
func (s *Store) Rotate(step string, kinds []string) (Made, error) {
	made := Made{Made: []string{}}
	if step == "" {
		return made, errs.E(errs.Usage, "--step is missing").WithFix("--step %s, and --step %s once every service knows the new ones", Add, Use)
	}
	if step != Add && step != Use {
		return made, errs.E(errs.Usage, "no step is called %q", step).WithFix("--step %s, and --step %s once every service knows the new ones", Add, Use)
	}
	for _, kind := range kinds {
		if !slices.Contains(Kinds, kind) {
			return made, errs.E(errs.Usage, "no kind of secret is called %q", kind).WithFix("--only some of jwt, passwords, certificates")
		}
	}
	wanted := func(kind string) bool { return len(kinds) == 0 || slices.Contains(kinds, kind) }
	var names []string
	if wanted(KindJWT) {
		names = append(names, JWT)
	}
	if wanted(KindPasswords) {
		names = append(names, s.passwords()...)
	}
	for _, name := range names {
		if err := s.rotate(name, step, &made); err != nil {
			return made, err
		}
	}
	if step == Add && wanted(KindCertificates) {
		return made, s.certificates(&made, true)
	}
	return made, nil
}

func (s *Store) rotate(name, step string, made *Made) error {
	old, err := s.lines(name)
	if err != nil {
		return err
	}
	next := nextLines(name, old, step)
	if slices.Equal(next, old) {
		return nil
	}
	made.add(name)
	return s.write(name, next)
}

// nextLines returns the lines of a file after a step. A rotation that was cut short
// between the steps may begin again: a password that no service uses yet stays the
// new one. Of signing keys another is added, since older keys look alike.
func nextLines(name string, lines []string, step string) []string {
	if step == Add {
		if name != JWT && len(lines) > 1 {
			return lines
		}
		return append(slices.Clone(lines), random())
	}
	if len(lines) == 1 {
		return lines
	}
	last := len(lines) - 1
	next := []string{lines[last]}
	if name == JWT {
		next = append(next, lines[:min(last, olderKeys)]...)
	}
	return next
}
