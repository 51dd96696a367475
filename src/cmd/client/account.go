package main

import (
	"context"

	"chatlab/src/errs"
)

// signIn asks for id and password and returns a token. A person at a terminal has three
// tries: the next id and password typed must not go to a shell.
func (p *program) signIn(ctx context.Context) (id, password, token string, err error) {
	for n := 1; ; n++ {
		if id, password, err = p.credentials(ctx); err != nil {
			return "", "", "", err
		}
		token, err = p.auth.Login(ctx, id, password)
		switch code := errs.CodeOf(err); {
		case err == nil:
			return id, password, token, nil
		case code != errs.WrongCredentials && code != errs.InvalidID && code != errs.InvalidPassword:
			return "", "", "", err
		}
		if err := p.repeat(n, p.passwordFile == "", err, func() error { return nil }); err != nil {
			return "", "", "", err
		}
	}
}

// token signs in and shows a token, for programs like nc. Where its output goes to one
// of them, the questions go to standard error.
func (p *program) token(ctx context.Context) error {
	s, piped := p.person.(*script)
	if piped {
		s.out = p.env.Stderr
	}
	_, _, token, err := p.signIn(ctx)
	if err != nil {
		return err
	}
	if piped {
		s.out = p.env.Stdout
	}
	p.person.show(token)
	return nil
}

// logout signs in and ends all tokens of the user, everywhere.
func (p *program) logout(ctx context.Context) error {
	_, _, token, err := p.signIn(ctx)
	if err != nil {
		return err
	}
	if err := p.auth.Logout(ctx, token); err != nil {
		return err
	}
	p.person.show("logout successful")
	return nil
}

// changePassword signs in, asks for a new password, and ends all tokens of before.
func (p *program) changePassword(ctx context.Context) error {
	_, old, token, err := p.signIn(ctx)
	if err != nil {
		return err
	}
	ask := p.newPassword("NEW PW")
	if p.passwordFile != "" { // it holds the present one
		ask = func(ctx context.Context) (string, error) { return p.person.secret(ctx, "NEW PW: ") }
	}
	for n := 1; ; n++ {
		fresh, err := p.asked(ctx, false, ask, checkedPassword)
		if err != nil {
			return err
		}
		_, err = p.auth.ChangePassword(ctx, token, old, fresh)
		if err == nil {
			p.person.show("password changed")
			return nil
		}
		if !errs.Is(err, errs.InvalidPassword) {
			return err
		}
		if err := p.repeat(n, true, err, func() error { return nil }); err != nil {
			return err
		}
	}
}
