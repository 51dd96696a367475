package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/local"
)

// hinted is a command of this program as hints name it: `lab VERB …`.
var hinted = regexp.MustCompile("`lab ((?:incident )?[a-z]+)([^`]*)`")

// pasted completes the commands in a hint: as they are printed they run, from this
// folder and for the same lab.
func (o *options) pasted(text string) string {
	return hinted.ReplaceAllStringFunc(text, func(found string) string {
		parts := hinted.FindStringSubmatch(found)
		return "`" + o.commandWith(parts[1], parts[2]) + "`"
	})
}

// hint completes the hint of an error.
func (o *options) hint(err error) error {
	fix := errs.FixOf(err)
	if fix == "" {
		return err
	}
	return errs.E(errs.CodeOf(err), "%w", err).WithFix("%s", o.pasted(fix))
}

// command returns how to call a verb for the same lab from the same place.
func (o *options) command(verb string) string { return o.commandWith(verb, "") }

// commandWith is command with more arguments, as a shell takes them. Those that name
// another state folder mean another lab, and help is the same for each.
func (o *options) commandWith(verb, more string) string {
	words := append([]string{o.program()}, strings.Fields(verb)...)
	if !strings.Contains(more, "--state ") && !strings.Contains(more, "--help") {
		for _, f := range o.same(verb) {
			if !strings.Contains(more, f[0]+" ") {
				words = append(words, f...)
			}
		}
	}
	return lab.Shell(words...) + more
}

// same are the flags by which a verb means the same lab.
func (o *options) same(verb string) [][]string {
	var flags [][]string
	add := func(name, value string, wanted bool) {
		if wanted && value != "" {
			flags = append(flags, []string{name, value})
		}
	}
	add("--target", o.target, o.target != local.Name)
	up := verb == "up" || verb == "doctor" // the others find these in the state folder
	add("--topology", o.topology, up)
	add("--inventory", o.inventory, up || o.recorded() == "")
	add("--profile", o.profile, up)
	add("--instance", strconv.Itoa(o.instance), o.instance > 0)
	add("--state", o.state, true)
	add("--ssh-key", o.sshKey, true)
	if o.power && verb == "up" {
		flags = append(flags, []string{"--power"})
	}
	return flags
}

// program returns what to type to call this program: ./bin/lab, or its whole
// path.
func (o *options) program() string {
	exe, err := os.Executable()
	if err != nil {
		return "lab"
	}
	if dir, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(dir, exe); err == nil && len(rel) < len(exe) && filepath.IsLocal(rel) {
			return "." + string(filepath.Separator) + rel
		}
	}
	return exe
}
