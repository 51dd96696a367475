package health

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/files"
)

// account is the user as whom the checks sign in and talk: one of healthd's
// own, signed up at its first use, with a generated password that is kept in a
// file (0600). It signs in as often as its checks run, which is far below
// authd's limits for an address.
type account struct {
	dir  string // "": no account
	node string

	joining sync.Mutex // one sign-up at a time

	mu    sync.Mutex
	cred  *credential
	token string
	until time.Time // when another token is due
}

type credential struct {
	ID       string `json:"id"`
	Password string `json:"passwd"`
	Joined   bool   `json:"joined,omitempty"` // it has signed up
}

// tokenLife is how long a token is used: less than the 30 minutes it has.
const tokenLife = 20 * time.Minute

// newAccount makes an account that is kept in a folder.
func newAccount(dir, node string) *account { return &account{dir: dir, node: node} }

// login is the milliseconds of a real sign-in.
func (s Services) login(a *account) func(context.Context, []string) (string, error) {
	return func(ctx context.Context, params []string) (string, error) {
		return s.slowest(ctx, "auth", params, a.signIn)
	}
}

// signIn makes one round trip with a server and returns the time it took. The
// first one of all signs up.
func (a *account) signIn(ctx context.Context, m member) (time.Duration, error) {
	cred, err := a.load()
	if err == nil && !cred.Joined {
		cred, err = a.join(ctx, m)
	}
	if err != nil {
		return 0, err
	}
	token, took, err := login(ctx, m, cred)
	if errs.Is(err, errs.WrongCredentials) { // the users are others than they were
		if cred, err = a.joinAgain(ctx, m, cred); err == nil {
			token, took, err = login(ctx, m, cred)
		}
	}
	if err != nil {
		return 0, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.token, a.until = token, time.Now().Add(tokenLife)
	return took, nil
}

// access returns a token, from a sign-in of before where there is one: a chat
// server is up even while the auth server is not.
func (a *account) access(ctx context.Context, s Services) (string, error) {
	a.mu.Lock()
	token, fresh := a.token, time.Now().Before(a.until)
	a.mu.Unlock()
	if fresh {
		return token, nil
	}
	auth, _, err := s.members("auth")
	for _, m := range auth {
		if _, err = a.signIn(ctx, m); err == nil {
			a.mu.Lock()
			defer a.mu.Unlock()
			return a.token, nil
		}
	}
	return "", err
}

// forgetToken is for a token that was refused.
func (a *account) forgetToken() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.until = time.Time{}
}

// join signs up. To try whether the account is there is a wrong password where it is
// not: where checks are too slow to get as far as the sign-up, those of an auth server
// would lock the id before it is anybody's. Checks run at once, in other processes too
// (`healthd get`): who finds the id taken looks whether it is taken by itself.
func (a *account) join(ctx context.Context, m member) (*credential, error) {
	a.joining.Lock()
	defer a.joining.Unlock()
	cred, err := a.load()
	if err != nil || cred.Joined {
		return cred, err
	}
	server, err := m.auth()
	if err != nil {
		return nil, err
	}
	defer server.Close()
	err = server.SignUp(ctx, cred.ID, cred.Password, cred.ID+"@healthd.invalid")
	if errs.Is(err, errs.IDTaken) {
		if _, _, err = login(ctx, m, cred); errs.Is(err, errs.WrongCredentials) {
			err = a.abandon()
		}
	}
	if err != nil {
		return nil, err
	}
	return a.keep(credential{cred.ID, cred.Password, true})
}

// joinAgain signs up once more, whatever was known.
func (a *account) joinAgain(ctx context.Context, m member, was *credential) (*credential, error) {
	a.mu.Lock()
	if a.cred == was {
		a.cred = &credential{was.ID, was.Password, false}
	}
	a.mu.Unlock()
	return a.join(ctx, m)
}

// abandon gives up an id that somebody else has.
func (a *account) abandon() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cred = nil
	if err := os.Remove(a.path()); err != nil {
		return errs.E(errs.Failed, "The account's file cannot be renewed: %w", err)
	}
	return errs.E(errs.Failed, "The account's id is taken: the next check uses another one.")
}

func (a *account) path() string { return filepath.Join(a.dir, "account.json") }

// load returns the credential, and makes it when there is none.
func (a *account) load() (*credential, error) {
	if a.dir == "" {
		return nil, errs.E(errs.Failed, "No data_dir is configured for the account of the checks.")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cred != nil {
		return a.cred, nil
	}
	cred, err := a.read()
	if os.IsNotExist(err) {
		if err = a.create(); err == nil {
			cred, err = a.read()
		}
	}
	if err != nil {
		return nil, errs.E(errs.Failed, "The account's file cannot be used: %w", err)
	}
	a.cred = cred
	return cred, nil
}

func (a *account) read() (*credential, error) {
	data, err := os.ReadFile(a.path())
	if err != nil {
		return nil, err
	}
	var c credential
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, err
	}
	return &c, nil
}

// create makes the file, unless another process (`healthd get`) was first.
func (a *account) create() error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return err
	}
	data, err := json.Marshal(credential{ID: a.newID(), Password: random(16)})
	if err != nil {
		return err
	}
	whole := filepath.Join(a.dir, "account-"+random(4))
	defer func() { _ = os.Remove(whole) }()
	if err := os.WriteFile(whole, data, 0o600); err != nil {
		return err
	}
	if err := os.Link(whole, a.path()); !os.IsExist(err) {
		return err
	}
	return nil
}

// keep stores the credential in memory and in its file. The file keeps its owner: root may
// have asked by hand (`healthd get`), and the daemon must go on reading it.
func (a *account) keep(c credential) (*credential, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cred = &c
	data, err := json.Marshal(c)
	if err == nil {
		err = files.Replace(a.path(), data)
	}
	if err != nil {
		return nil, errs.E(errs.Failed, "The account's file cannot be written: %w", err)
	}
	return a.cred, nil
}

// newID keeps authd's rules: 32 of A-Z a-z 0-9 _ . - at most.
func (a *account) newID() string {
	node := strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-", r) {
			return r
		}
		return -1
	}, strings.ToLower(a.node))
	return "healthd-" + node[:min(len(node), 15)] + "-" + random(4)
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func login(ctx context.Context, m member, cred *credential) (token string, took time.Duration, err error) {
	server, err := m.auth()
	if err != nil {
		return "", 0, err
	}
	defer server.Close()
	began := time.Now()
	token, err = server.Login(ctx, cred.ID, cred.Password)
	return token, time.Since(began), err
}

// auth returns a client of one auth server, with connections of its own.
func (m member) auth() (*client.Auth, error) {
	if m.tls == nil {
		return client.NewAuth(m.url())
	}
	return client.NewAuthOf(m.tls.RootCAs, m.url())
}
