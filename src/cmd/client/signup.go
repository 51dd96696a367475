package main

import (
	"context"
	"net/mail"
	"os"
	"strings"
	"unicode/utf8"

	"chatlab/src/errs"
	"chatlab/src/wire"
)

// rules are what a person at a terminal is told first. The shortest password is the
// server's to say.
const rules = `ID: 1 to 32 of A-Z a-z 0-9 _ . -, first a letter or digit
PW: 8 to 128 characters (a lab may take fewer), not a common one
EMAIL: an address like kim@example.org`

// maxPassword is the auth server's limit, in characters.
const maxPassword = 128

// tries is how often a person at a terminal may answer a question.
const tries = 3

// signUp makes a user. Each answer is checked as it is given; a person is asked
// again for the one that the server refuses.
func (p *program) signUp(ctx context.Context) error {
	if p.person.typing() {
		for rule := range strings.SplitSeq(rules, "\n") {
			p.person.show(rule)
		}
	}
	id, err := p.asked(ctx, p.id != "", p.askID, p.freeID)
	if err != nil {
		return err
	}
	password, err := p.asked(ctx, p.passwordFile != "", p.newPassword("PW"), checkedPassword)
	if err != nil {
		return err
	}
	email, err := p.asked(ctx, p.email != "", p.askEmail, checkedEmail)
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		err := p.auth.SignUp(ctx, id, password, email)
		var again error
		switch errs.CodeOf(err) {
		case "":
			p.person.show("signup successful")
			return nil
		case errs.InvalidPassword:
			again = p.repeat(n, p.passwordFile == "", err, func() (err error) {
				password, err = p.asked(ctx, p.passwordFile != "", p.newPassword("PW"), checkedPassword)
				return err
			})
		case errs.InvalidEmail:
			again = p.repeat(n, p.email == "", err, func() (err error) {
				email, err = p.asked(ctx, p.email != "", p.askEmail, checkedEmail)
				return err
			})
		default:
			return err
		}
		if again != nil {
			return again
		}
	}
}

// repeat shows a person the refusal and asks again, or returns the refusal to a
// script, to a person who cannot answer otherwise, and after the last try.
func (p *program) repeat(n int, can bool, refusal error, ask func() error) error {
	if !can || n >= tries || !p.person.typing() {
		return refusal
	}
	p.person.fault("error: " + refusal.Error())
	return ask()
}

// asked returns an answer that check takes; one that was given is asked for once.
func (p *program) asked(ctx context.Context, given bool, ask func(context.Context) (string, error), check func(context.Context, string) error) (string, error) {
	for n := 1; ; n++ {
		answer, err := ask(ctx)
		if err != nil {
			return "", unanswered(err)
		}
		err = check(ctx, answer)
		if err == nil {
			return answer, nil
		}
		if err := p.repeat(n, !given, err, func() error { return nil }); err != nil {
			return "", err
		}
	}
}

func (p *program) askEmail(ctx context.Context) (string, error) {
	if p.email != "" {
		return p.email, nil
	}
	return p.person.ask(ctx, "EMAIL: ")
}

// newPassword returns a question for a password, which a person answers twice.
func (p *program) newPassword(prompt string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		if p.passwordFile != "" {
			return readPassword(p.passwordFile)
		}
		for n := 1; ; n++ {
			password, err := p.person.secret(ctx, prompt+": ")
			if err != nil || !p.person.typing() || checkedPassword(ctx, password) != nil {
				return password, err // a bad one is asked's to refuse
			}
			again, err := p.person.secret(ctx, prompt+" again: ")
			if err != nil || again == password {
				return password, err
			}
			differ := errs.E(errs.Failed, "the two passwords differ")
			if err := p.repeat(n, true, differ, func() error { return nil }); err != nil {
				return "", err
			}
		}
	}
}

// freeID checks an id, and for a person whether it is free: a script learns that from the
// sign-up.
func (p *program) freeID(ctx context.Context, id string) error {
	if !p.person.typing() {
		return nil
	}
	if !wire.ValidUser(id) {
		return errs.E(errs.InvalidID, "the id breaks its rule")
	}
	if _, err := p.auth.GetUser(ctx, id); err == nil {
		return errs.E(errs.IDTaken, "the id is taken")
	}
	return nil // the sign-up tells of any other fault
}

func checkedPassword(_ context.Context, password string) error {
	if n := utf8.RuneCountInString(password); n == 0 || n > maxPassword {
		return errs.E(errs.InvalidPassword, "a password has 1 to %d characters", maxPassword)
	}
	return nil
}

func checkedEmail(_ context.Context, email string) error {
	if _, err := mail.ParseAddress(email); err != nil {
		return errs.E(errs.InvalidEmail, "%q is not an address like kim@example.org", email)
	}
	return nil
}

// readPassword returns the first line of a file. Fails with code usage.
func readPassword(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", errs.E(errs.Usage, "password file: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", errs.E(errs.Usage, "password file %s: its first line is empty", path)
	}
	return line, nil
}
