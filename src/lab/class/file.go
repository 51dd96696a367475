// Package class makes and removes the users of a list, as a class has one.
package class

import (
	"bytes"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/files"
)

// User is a line of the list: id, password and e-mail address.
type User struct {
	Line              int // of the file, from 1
	ID, Passwd, Email string
}

// header may be the first line of a list.
var header = []string{"id", "passwd", "email"}

// Read reads a list: CSV (RFC 4180) of id, passwd and email, the last two of which may
// lack. An id stands in it once. Fails with code usage, which names the line.
func Read(path string) ([]User, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, errs.E(errs.Usage, "the list of users: %w", err).WithFix("write a file with a line id,passwd,email for each user")
	}
	lines := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))) // spreadsheets write a mark
	lines.FieldsPerRecord, lines.TrimLeadingSpace, lines.Comment = -1, true, '#'
	var users []User
	seen := map[string]bool{}
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errs.E(errs.Usage, "%s: %w", path, err)
		}
		line, _ := lines.FieldPos(0)
		u, err := parse(fields)
		switch {
		case err != nil:
			return nil, errs.E(errs.Usage, "%s, line %d: %w", path, line, err).WithFix("write id,passwd,email")
		case len(users) == 0 && strings.EqualFold(u.ID, header[0]):
			continue
		case seen[strings.ToLower(u.ID)]:
			return nil, errs.E(errs.Usage, "%s, line %d: %s stands there already", path, line, u.ID).WithFix("remove the line")
		}
		u.Line, seen[strings.ToLower(u.ID)] = line, true
		users = append(users, u)
	}
	if len(users) == 0 {
		return nil, errs.E(errs.Usage, "%s names no user", path).WithFix("write a line id,passwd,email for each")
	}
	return users, nil
}

func parse(fields []string) (u User, err error) {
	if len(fields) > len(header) {
		return u, errs.E(errs.Usage, "%d fields, want 3", len(fields))
	}
	for i, to := range []*string{&u.ID, &u.Passwd, &u.Email}[:len(fields)] {
		*to = strings.TrimSpace(fields[i])
	}
	if u.ID == "" {
		return u, errs.E(errs.Usage, "the id is empty")
	}
	return u, nil
}

// Complete makes the passwords that a list lacks, and writes it with them: nobody else
// may read it then (0600). An empty address becomes one that nobody has (RFC 2606).
func Complete(path string, users []User) error {
	made := false
	for i := range users {
		u := &users[i]
		if u.Passwd == "" {
			u.Passwd, made = strings.ToLower(rand.Text())[:12], true
		}
		if u.Email == "" {
			u.Email = u.ID + "@class.invalid"
		}
	}
	if !made {
		return nil
	}
	var text bytes.Buffer
	out := csv.NewWriter(&text)
	_ = out.Write(header) // a buffer takes all
	for _, u := range users {
		_ = out.Write([]string{u.ID, u.Passwd, u.Email})
	}
	out.Flush()
	err := files.Replace(path, text.Bytes())
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return errs.E(errs.Failed, "the passwords that were made cannot be written: %w", err)
	}
	return nil
}
