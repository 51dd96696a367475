package health

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"chatlab/src/errs"
	"chatlab/src/files"
)

// Account is the user as whom the checks sign in and talk: one of healthd's
// own, signed up at its first use, with a generated password that is kept in a
// file (0600). It signs in as often as its checks run, which is far below
// authd's limits for an address.
type Account struct {
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

// NewAccount makes an account that is kept in a folder.
func NewAccount(dir, node string) *Account { return &Account{dir: dir, node: node} }

// signIn makes one round trip with a server and returns the time it took. The
// first one of all signs up.
func (a *Account) signIn(ctx context.Context, m member) (time.Duration, error) {
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
func (a *Account) access(ctx context.Context, auth []member) (string, error) {
	a.mu.Lock()
	token, fresh := a.token, time.Now().Before(a.until)
	a.mu.Unlock()
	if fresh {
		return token, nil
	}
	err := error(errs.E(errs.Failed, "No address of auth is configured."))
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
func (a *Account) forgetToken() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.until = time.Time{}
}

// join signs up. To try whether the account is there is a wrong password where it is
// not: where checks are too slow to get as far as the sign-up, those of an auth server
// would lock the id before it is anybody's. Checks run at once, in other processes too
// (`healthd get`): who finds the id taken looks whether it is taken by itself.
func (a *Account) join(ctx context.Context, m member) (*credential, error) {
	a.joining.Lock()
	defer a.joining.Unlock()
	cred, err := a.load()
	if err != nil || cred.Joined {
		return cred, err
	}
	err = post(ctx, m, "/auth/signup", map[string]string{"id": cred.ID, "passwd": cred.Password, "email": cred.ID + "@healthd.invalid"}, nil)
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
func (a *Account) joinAgain(ctx context.Context, m member, was *credential) (*credential, error) {
	a.mu.Lock()
	if a.cred == was {
		a.cred = &credential{was.ID, was.Password, false}
	}
	a.mu.Unlock()
	return a.join(ctx, m)
}

// abandon gives up an id that somebody else has.
func (a *Account) abandon() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cred = nil
	if err := os.Remove(a.path()); err != nil {
		return errs.E(errs.Failed, "The account's file cannot be renewed: %w", err)
	}
	return errs.E(errs.Failed, "The account's id is taken: the next check uses another one.")
}

func (a *Account) path() string { return filepath.Join(a.dir, "account.json") }

// load returns the credential, and makes it when there is none.
func (a *Account) load() (*credential, error) {
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

func (a *Account) read() (*credential, error) {
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
func (a *Account) create() error {
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
func (a *Account) keep(c credential) (*credential, error) {
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
func (a *Account) newID() string {
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
	var answer struct{ Token string }
	began := time.Now()
	if err := post(ctx, m, "/auth/login", map[string]string{"id": cred.ID, "passwd": cred.Password}, &answer); err != nil {
		return "", 0, err
	}
	took = time.Since(began)
	if answer.Token == "" {
		return "", 0, errs.E(errs.Failed, "%s gives no token.", m.addr)
	}
	return answer.Token, took, nil
}

// post makes one call of the auth server, on a connection of its own. A refusal
// has the code of the server's problem document.
func post(ctx context.Context, m member, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url()+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := oneCall(m.tls).Do(req)
	if err != nil {
		return errs.Wrap(err, errs.Failed, "%s does not answer.", m.addr)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return errs.Wrap(err, errs.Failed, "%s does not answer to the end.", m.addr)
	}
	if res.StatusCode/100 != 2 {
		var problem struct {
			Code   errs.Code
			Detail string
		}
		if json.Unmarshal(data, &problem) != nil || problem.Code == "" || problem.Code == errs.Internal {
			return errs.E(errs.Failed, "%s answers %d.", m.addr, res.StatusCode)
		}
		return errs.E(problem.Code, "%s refuses: %s: %s", m.addr, problem.Code, clip(problem.Detail))
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return errs.Wrap(err, errs.Failed, "%s does not answer as an auth server.", m.addr)
	}
	return nil
}
