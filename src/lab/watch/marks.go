package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/grafana"
	"chatlab/src/lab"
)

// markLimit bounds one call: a mark must not hold up the drill that it marks.
const markLimit = 10 * time.Second

// Marks writes deliberate changes of the lab to Grafana. The dashboards show
// it, so that nobody takes a drill for a fault.
type Marks struct {
	http           *http.Client
	base, password string
}

// OpenMarks returns the marks of a lab's Grafana, nil where the lab has none or it
// was not set up. Fails with code usage when its password cannot be read.
func OpenMarks(l *lab.Lab, client *http.Client) (*Marks, error) {
	base := GrafanaURL(l.Inventory)
	path, err := l.Target.Secret("grafana.password")
	if base == "" || err != nil {
		return nil, nil //nolint:nilerr,nilnil // nothing is set up, so there is nothing to mark
	}
	password, err := os.ReadFile(path)
	if err != nil {
		return nil, errs.E(errs.Usage, "Grafana's password: %w", err).WithFix("run site.yml, which makes it")
	}
	return &Marks{client, base, strings.TrimSpace(string(password))}, nil
}

// Mark is one mark, which begins when it is made.
type Mark struct {
	marks *Marks
	id    int64
}

// Begin makes a mark that begins now. Fails with code unavailable when Grafana
// does not answer, and with code failed when it refuses.
func (m *Marks) Begin(ctx context.Context, text string) (*Mark, error) {
	var made struct{ ID int64 }
	err := m.call(ctx, http.MethodPost, "/api/annotations", map[string]any{
		"time": time.Now().UnixMilli(), "tags": []string{grafana.MarkTag}, "text": text,
	}, &made)
	return &Mark{m, made.ID}, err
}

// End ends the mark now, with a text that says how it went. Fails as
// [Marks.Begin] does.
func (k *Mark) End(ctx context.Context, text string) error {
	var done struct{}
	return k.marks.call(ctx, http.MethodPatch, fmt.Sprintf("/api/annotations/%d", k.id), map[string]any{"timeEnd": time.Now().UnixMilli(), "text": text}, &done)
}

func (m *Marks) call(ctx context.Context, method, path string, body, result any) error {
	ctx, cancel := context.WithTimeout(ctx, markLimit)
	defer cancel()
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, m.base+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(GrafanaAccount, m.password)
	res, err := m.http.Do(req)
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "Grafana")
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "Grafana")
	}
	if res.StatusCode != http.StatusOK {
		return errs.E(errs.Failed, "Grafana answers %d to %s %s: %s", res.StatusCode, method, path, strings.TrimSpace(string(answer)))
	}
	return json.Unmarshal(answer, result)
}
