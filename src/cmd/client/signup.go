package main

import (
	"context"
	"os"
	"strings"

	"chatlab/src/errs"
)

// signUp makes a user.
func (p *program) signUp(ctx context.Context) error {
	id, password, err := p.credentials(ctx)
	if err != nil {
		return err
	}
	if p.person.typing() && p.passwordFile == "" {
		again, err := p.person.secret(ctx, "PW again: ")
		if err != nil {
			return unanswered(err)
		}
		if again != password {
			return errs.E(errs.Failed, "the two passwords differ")
		}
	}
	email, err := p.person.ask(ctx, "EMAIL: ")
	if err != nil {
		return unanswered(err)
	}
	if err := p.auth.SignUp(ctx, id, password, email); err != nil {
		return err
	}
	p.person.show("signup successful")
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
