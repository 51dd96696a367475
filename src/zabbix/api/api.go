// Package api is a client of the JSON-RPC API of Zabbix's web interface, 5.0 to
// 7.0: https://www.zabbix.com/documentation/6.0/en/manual/api
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/wait"
)

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 32 << 20

// Client is a session of one user.
type Client struct {
	url   string
	http  *http.Client
	major int // of the server: 6 and 4 of 6.4.2
	minor int
	token string
}

// SignIn opens a session at base, http://host:port. Fails with code wrong_credentials
// when the account is refused, and with unavailable when the API does not answer.
func SignIn(ctx context.Context, client *http.Client, base, user, password string) (*Client, error) {
	c, err := Resume(ctx, client, base, "")
	if err != nil {
		return nil, err
	}
	name := "username"
	if !c.atLeast(5, 4) {
		name = "user"
	}
	err = c.login(ctx, map[string]string{name: user, "password": password})
	if errs.Is(err, errs.Failed) {
		return nil, errs.Wrap(err, errs.WrongCredentials, "Zabbix does not let %s in", user)
	}
	return c, err
}

// collided are the words for a fault of SQL, up to 6.0 and since then. Sign-ins of
// one user at the same time can end in a deadlock of the database, which Zabbix
// reports so: the one that it gave up begins again.
var collided = []string{"SQL statement execution has failed", "Database error occurred."}

const (
	loginTries = 10
	loginAgain = 100 * time.Millisecond
)

func (c *Client) login(ctx context.Context, params any) error {
	for try := 1; ; try++ {
		err := c.Call(ctx, "user.login", params, &c.token)
		if err == nil || try == loginTries || !slices.ContainsFunc(collided, func(words string) bool { return strings.Contains(err.Error(), words) }) {
			return err
		}
		if !wait.Sleep(ctx, loginAgain) {
			return err
		}
	}
}

// Resume takes a session that is open already, by its token. Fails with code
// unavailable when the API does not answer.
func Resume(ctx context.Context, client *http.Client, base, token string) (*Client, error) {
	c := &Client{url: base + "/api_jsonrpc.php", http: client}
	var version string
	if err := c.Call(ctx, "apiinfo.version", []any{}, &version); err != nil {
		return nil, err
	}
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	c.major, _ = strconv.Atoi(major)
	c.minor, _ = strconv.Atoi(minor)
	c.token = token
	return c, nil
}

// Close ends the session.
func (c *Client) Close(ctx context.Context) error { return c.Call(ctx, "user.logout", []any{}, nil) }

func (c *Client) atLeast(major, minor int) bool {
	return c.major > major || c.major == major && c.minor >= minor
}

// Call makes one call; result may be nil. Fails with code failed, and the API's
// own text, when the API refuses, and with unavailable when it does not answer.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	request := map[string]any{"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
	bearer := c.token != "" && c.atLeast(6, 4)
	if c.token != "" && !bearer {
		request["auth"] = c.token
	}
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json-rpc")
	if bearer {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	text, err := c.send(req)
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "Zabbix's API: %s", method)
	}
	return answer(method, text, result)
}

func (c *Client) send(req *http.Request) ([]byte, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", res.Status)
	}
	return text, err
}

func answer(method string, text []byte, result any) error {
	var a struct {
		Result json.RawMessage
		Error  *struct{ Message, Data string }
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return errs.E(errs.Unavailable, "Zabbix's API: %s: no JSON: %w", method, err)
	}
	if a.Error != nil {
		return errs.E(errs.Failed, "Zabbix's API: %s: %s %s", method, a.Error.Message, a.Error.Data)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(a.Result, result); err != nil {
		return errs.E(errs.Unavailable, "Zabbix's API: %s: %w", method, err)
	}
	return nil
}
