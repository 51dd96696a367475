package check

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/grafana"
	"chatlab/src/lab/watch"
)

// grafanaAPI is a client of Grafana's HTTP API, as its administrator.
type grafanaAPI struct {
	http                 *http.Client
	base, user, password string
	err                  error // why it has no password
}

func (j *Journey) grafana() grafanaAPI {
	g := grafanaAPI{http: j.http, base: watch.GrafanaURL(j.lab.Inventory), user: watch.GrafanaAccount}
	path, err := j.lab.Target.Secret("grafana.password")
	if err == nil {
		var text []byte
		text, err = os.ReadFile(path)
		g.password = strings.TrimSpace(string(text))
	}
	g.err = err
	return g
}

func (g grafanaAPI) get(ctx context.Context, path string) (status int, body string, err error) {
	return g.do(ctx, http.MethodGet, path, nil)
}

// do makes a call. Fails with code unavailable when Grafana does not answer.
func (g grafanaAPI) do(ctx context.Context, method, path string, body any) (int, string, error) {
	if g.err != nil {
		return 0, "", g.err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return 0, "", err
	}
	req, err := http.NewRequestWithContext(ctx, method, g.base+path, bytes.NewReader(text))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", typeJSON)
	if g.user != "" {
		req.SetBasicAuth(g.user, g.password)
	}
	res, err := g.http.Do(req)
	if err != nil {
		return 0, "", errs.Wrap(err, errs.Unavailable, "Grafana")
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return 0, "", errs.Wrap(err, errs.Unavailable, "Grafana")
	}
	return res.StatusCode, string(answer), nil
}

// into reads an answer. Fails with code failed when it is a refusal.
func (g grafanaAPI) into(ctx context.Context, path string, result any) error {
	return g.exchange(ctx, http.MethodGet, path, nil, result)
}

func (g grafanaAPI) exchange(ctx context.Context, method, path string, body, result any) error {
	status, text, err := g.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return errs.E(errs.Failed, "Grafana answers %d to %s: %s", status, path, reason(text))
	}
	if err := json.Unmarshal([]byte(text), result); err != nil {
		return errs.E(errs.Failed, "Grafana's answer to %s: %w", path, err)
	}
	return nil
}

// reason is the message of a refusal, or all of it.
func reason(text string) string {
	var doc struct {
		Message string
		Results map[string]struct{ Error string }
	}
	if json.Unmarshal([]byte(text), &doc) != nil {
		return text
	}
	for _, r := range doc.Results {
		if r.Error != "" {
			return r.Error
		}
	}
	return doc.Message
}

func (g grafanaAPI) dashboard(ctx context.Context, uid string) (grafana.Dashboard, error) {
	var doc struct{ Dashboard grafana.Dashboard }
	err := g.into(ctx, "/api/dashboards/uid/"+uid, &doc)
	if err != nil {
		err = errs.Wrap(err, errs.CodeOf(err), "dashboard %s", uid)
	}
	return doc.Dashboard, err
}

// zabbix makes a call of Zabbix's API as the plugin does for the browser.
func (g grafanaAPI) zabbix(ctx context.Context, method string, params, result any) error {
	var doc struct{ Result json.RawMessage }
	err := g.exchange(ctx, http.MethodPost, "/api/datasources/uid/"+grafana.SourceUID+"/resources/zabbix-api",
		map[string]any{"method": method, "params": params}, &doc)
	if err != nil || len(doc.Result) == 0 {
		return err
	}
	return json.Unmarshal(doc.Result, result)
}

// throughGrafana puts queries as a browser does.
type throughGrafana struct {
	grafanaAPI
	catalogue
}

func (*throughGrafana) close(context.Context) {}

func (t *throughGrafana) deployed(ctx context.Context, d grafana.Dashboard) (grafana.Dashboard, error) {
	return t.dashboard(ctx, d.UID)
}

func (t *throughGrafana) put(ctx context.Context, q question) (string, error) {
	if q.query.QueryType == grafana.Problems {
		return t.problems(ctx, q)
	}
	now := time.Now()
	query, err := resolved(q)
	if err != nil {
		return "", err
	}
	var doc struct {
		Results map[string]struct {
			Error  string
			Frames []frame
		}
	}
	err = t.exchange(ctx, http.MethodPost, "/api/ds/query", map[string]any{
		"queries": []any{query}, "from": millis(q.since(now)), "to": millis(now),
	}, &doc)
	if err != nil {
		return "", err
	}
	answer := doc.Results[q.query.RefID]
	if answer.Error != "" {
		return answer.Error, nil
	}
	var came []series
	for _, f := range answer.Frames {
		came = append(came, f.series()...)
	}
	return q.lacking(came, now), nil
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// resolved is a query as the browser sends it: variables put in.
func resolved(q question) (map[string]any, error) {
	text, err := json.Marshal(q.query)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, err
	}
	out["host"] = map[string]any{"filter": q.query.Host.With(q.variables)}
	out["item"] = map[string]any{"filter": q.query.Item.With(q.variables)}
	out["datasource"] = map[string]any{"type": grafana.DataSource, "uid": grafana.SourceUID}
	out["intervalMs"], out["maxDataPoints"] = 1000, 10_000
	return out, nil
}

// frame is a table of Grafana's: a column of times, and of values.
type frame struct {
	Schema struct {
		Fields []struct {
			Type   string
			Labels map[string]string
		}
	}
	Data struct{ Values [][]*float64 }
}

// series returns the newest value of each column that has one.
func (f frame) series() []series {
	var out []series
	for n, field := range f.Schema.Fields {
		if field.Type == "time" || n >= len(f.Data.Values) || len(f.Data.Values) == 0 {
			continue
		}
		for row := len(f.Data.Values[n]) - 1; row >= 0; row-- {
			if f.Data.Values[n][row] != nil && row < len(f.Data.Values[0]) && f.Data.Values[0][row] != nil {
				out = append(out, series{field.Labels["host"], field.Labels["item"], time.UnixMilli(int64(*f.Data.Values[0][row]))})
				break
			}
		}
	}
	return out
}
