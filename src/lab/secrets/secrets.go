// Package secrets makes and rotates the keys, passwords and certificates of one lab:
// files of one folder on the controller, which only their owner reads.
package secrets

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/pki"
	"chatlab/src/token"
)

// JWT is the file of the keys that sign tokens.
const JWT = "jwt.key"

// Kinds of secrets, as `lab secrets rotate --only` names them.
const (
	KindJWT          = "jwt"
	KindPasswords    = "passwords"
	KindCertificates = "certificates"
)

// Kinds lists them all.
var Kinds = []string{KindJWT, KindPasswords, KindCertificates}

// Store is the folder of one lab's secrets.
type Store struct {
	Dir       string
	Inventory *inventory.Inventory
	// Processes says that the lab has no database servers and no monitoring of its own:
	// it is processes of this machine.
	Processes bool
	Now       time.Time
	Check     bool // report, and write nothing
}

// Made lists the secrets that were made, or with Check would be.
type Made struct {
	Changed bool     `json:"changed"`
	Made    []string `json:"made"`
}

// passwords lists the files of passwords and of keys that are rotated like them.
func (s *Store) passwords() []string {
	var out []string
	add := func(wanted bool, names ...string) {
		if wanted && !s.Processes {
			out = append(out, names...)
		}
	}
	inv := s.Inventory
	add(len(inv.Members(inventory.MariaDB)) > 0, "mariadb.password", "mariadb-schema.password")
	add(len(inv.Members(inventory.MongoDB)) > 0 && !inv.True("mongodb_embedded"),
		"mongodb.password", "mongodb-retention.password", "mongodb-admin.password", "mongodb-set.key")
	add(len(inv.Members(inventory.ZabbixServer)) > 0, "zabbix.password")
	add(len(inv.Members(inventory.Grafana)) > 0 && !inv.True("grafana_absent"), "grafana.password", "grafana-secret.key", "zabbix-grafana.password")
	return out
}

// Make makes the secrets that are absent, and the certificates that are absent, near
// their end or not of the inventory. Codes: usage, failed.
func (s *Store) Make() (Made, error) {
	made := Made{Made: []string{}}
	if err := s.folder(); err != nil {
		return made, err
	}
	if err := s.jwt(&made); err != nil {
		return made, err
	}
	for _, name := range s.passwords() {
		if _, err := os.Stat(s.path(name)); !os.IsNotExist(err) {
			continue
		}
		made.add(name)
		if err := s.write(name, []string{random()}); err != nil {
			return made, err
		}
	}
	return made, s.certificates(&made, false)
}

// Remove removes the secrets, and every certificate of the folder. What else is there,
// such as a key of SSH, stays. Code usage.
func (s *Store) Remove() (Made, error) {
	removed := Made{Made: []string{}}
	names := append([]string{JWT}, s.passwords()...)
	pairs, err := filepath.Glob(s.path("*.pem"))
	if err != nil {
		return removed, errs.E(errs.Usage, "secrets: %w", err)
	}
	for _, path := range pairs {
		name := filepath.Base(path)
		names = append(names, name, strings.TrimSuffix(name, ".pem")+".key")
	}
	for _, name := range names {
		if _, err := os.Stat(s.path(name)); os.IsNotExist(err) {
			continue
		}
		removed.add(name)
		if s.Check {
			continue
		}
		if err := os.Remove(s.path(name)); err != nil {
			return removed, errs.E(errs.Usage, "secrets: %w", err)
		}
	}
	return removed, nil
}

func (m *Made) add(name string) { m.Made, m.Changed = append(m.Made, name), true }

func (s *Store) path(name string) string { return filepath.Join(s.Dir, name) }

func (s *Store) folder() error {
	if s.Check {
		return nil
	}
	err := os.MkdirAll(s.Dir, 0o700)
	if err == nil {
		err = os.Chmod(s.Dir, 0o700)
	}
	if err != nil {
		return errs.E(errs.Usage, "secrets: %w", err).WithFix("name a folder that you may write to with --state")
	}
	return nil
}

// jwt makes the signing key unless there is one. A file that cannot be used is not
// replaced: it may have been edited, and its tokens are in use.
func (s *Store) jwt(made *Made) error {
	text, err := os.ReadFile(s.path(JWT))
	if os.IsNotExist(err) {
		made.add(JWT)
		return s.write(JWT, []string{strings.TrimSpace(token.NewKeyLine())})
	}
	if err == nil {
		_, err = token.ParseKeys(text)
	}
	if err != nil {
		return errs.E(errs.Usage, "signing key %s: %w", s.path(JWT), err).
			WithFix("correct the file, or remove it: a new one is made, and all users sign in again")
	}
	return nil
}

// certificates makes those that are not good, or all anew.
func (s *Store) certificates(made *Made, anew bool) error {
	ca := pki.Found(s.Dir, s.Now)
	if ca == nil {
		made.add("ca")
		if !s.Check {
			var err error
			if ca, err = pki.Open(s.Dir, s.Now); err != nil {
				return err
			}
		}
	}
	for _, c := range pki.Plan(s.Inventory) {
		if !anew && ca != nil && ca.Fault(c, s.Now) == nil {
			continue
		}
		made.add(c.Name)
		if s.Check {
			continue
		}
		if err := ca.Issue(c, s.Now); err != nil {
			return err
		}
	}
	return nil
}

// random returns 264 bits as a line.
func random() string {
	text := make([]byte, 33)
	_, _ = rand.Read(text) // crypto/rand.Read never fails
	return base64.RawURLEncoding.EncodeToString(text)
}

// lines returns the secrets of a file, the one in use first.
func (s *Store) lines(name string) ([]string, error) {
	text, err := os.ReadFile(s.path(name))
	if err != nil {
		return nil, errs.E(errs.Usage, "secrets: %w", err).WithFix("`lab secrets make` makes it")
	}
	var out []string
	for _, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	if len(out) == 0 {
		return nil, errs.E(errs.Usage, "secrets: %s is empty", s.path(name)).WithFix("remove it, and `lab secrets make` makes a new one")
	}
	return out, nil
}

func (s *Store) write(name string, lines []string) error {
	if s.Check {
		return nil
	}
	if err := files.Write(s.path(name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return errs.E(errs.Usage, "secrets: %w", err).WithFix("name a folder that you may write to with --state")
	}
	return nil
}

// Entry is one secret and its end.
type Entry struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Ends    string `json:"ends,omitempty"` // RFC 3339; a password has no end
	Days    int    `json:"days,omitempty"` // until then
	Lines   int    `json:"lines,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// Show lists every secret of the lab, certificates by their end.
func (s *Store) Show() []Entry {
	var out []Entry
	for _, name := range append([]string{JWT}, s.passwords()...) {
		e := Entry{Name: name, Kind: KindPasswords}
		if name == JWT {
			e.Kind = KindJWT
		}
		lines, err := s.lines(name)
		if e.Lines = len(lines); err != nil {
			e.Problem = err.Error()
		}
		out = append(out, e)
	}
	ca := pki.Found(s.Dir, s.Now)
	var certs []Entry
	for _, c := range append([]pki.Certificate{{Name: "ca"}}, pki.Plan(s.Inventory)...) {
		e := Entry{Name: c.Name, Kind: KindCertificates}
		ends, err := pki.Ends(s.Dir, c.Name)
		if err == nil {
			e.Ends, e.Days = ends.UTC().Format(time.RFC3339), int(ends.Sub(s.Now).Hours()/24)
		}
		switch {
		case err == nil && c.Name != "ca" && ca != nil:
			err = ca.Fault(c, s.Now)
		case err == nil && ca == nil:
			err = errs.E(errs.Failed, "the authority is near its end, or not this lab's")
		}
		if err != nil {
			e.Problem = err.Error()
		}
		certs = append(certs, e)
	}
	slices.SortStableFunc(certs, func(a, b Entry) int { return strings.Compare(a.Ends, b.Ends) })
	return append(out, certs...)
}
