package supervisor

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"chatlab/src/lab/local/proc"
	"chatlab/src/wait"
)

// probeEvery is how often a service that starts is asked whether it is ready.
const probeEvery = 15 * time.Millisecond

// NoAnswer begins the reason of a service whose ops listener does not answer.
const NoAnswer = "no answer"

// prober asks services whether they are ready.
type prober struct{ web *http.Client }

func newProber() *prober {
	return &prober{&http.Client{
		Timeout:   2500 * time.Millisecond, // a service has two seconds to find out
		Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil},
	}}
}

// probe returns "" when the process is ready, otherwise the reason why not.
func (p *prober) probe(ctx context.Context, svc Service, pid int) string {
	if svc.Ops == "" {
		if svc.Address == "" || proc.ListensOn(pid, svc.Address) {
			return ""
		}
		return "does not listen on " + svc.Address + " yet"
	}
	return p.readyz(ctx, svc.Ops)
}

// readyz asks an ops listener.
func (p *prober) readyz(ctx context.Context, ops string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+ops+"/readyz", nil)
	if err != nil {
		return err.Error()
	}
	res, err := p.web.Do(req)
	if err != nil {
		return NoAnswer + " at " + req.URL.String()
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 512))
	if res.StatusCode == http.StatusOK {
		return ""
	}
	reason, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(fmt.Sprintf("%d %s", res.StatusCode, reason))
}

// untilReady returns true when the process is ready, false when ctx ends
// before. said hears each new reason why it is not.
func (p *prober) untilReady(ctx context.Context, svc Service, pid int, said func(string)) bool {
	last := ""
	return wait.Until(ctx, probeEvery, func() bool {
		reason := p.probe(ctx, svc, pid)
		if reason == "" && svc.Ops != "" && !proc.ListensOn(pid, svc.Ops) {
			reason = "another process answers at " + svc.Ops
		}
		if reason != "" && reason != last && ctx.Err() == nil {
			said(reason)
			last = reason
		}
		return reason == "" && ctx.Err() == nil
	})
}
