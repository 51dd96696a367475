package app

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"chatlab/src/errs"
)

// Ops is a daemon's private HTTP listener: GET /metrics (Prometheus text),
// /healthz (200 while the process serves) and /readyz (200 when it can do its
// work, otherwise 503 with the reason in one line).
type Ops struct {
	// Registry takes the daemon's metrics; it has those of Go and the process.
	Registry *prometheus.Registry

	ln    net.Listener
	ready func(context.Context) error
}

// ListenOps binds the listener. ready tells why the daemon cannot do its work,
// or nil; it is given two seconds. Fails with code usage.
func ListenOps(addr string, ready func(context.Context) error) (*Ops, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, errs.E(errs.Usage, "ops listener: %w", err).WithFix("stop what holds the address, or set ops.listen")
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &Ops{Registry: reg, ln: ln, ready: ready}, nil
}

// Addr returns the address that was bound.
func (o *Ops) Addr() string { return o.ln.Addr().String() }

// Serve answers until ctx ends.
func (o *Ops) Serve(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", o.serveReady)
	return ServeHTTP(ctx, o.ln, &http.Server{Handler: mux})
}

func (o *Ops) serveReady(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := o.ready(ctx); err != nil {
		http.Error(w, errs.Public(err), http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ready\n")
}

// ServeHTTP serves on a listener until ctx ends, then lets the requests that
// are under way finish for ten seconds. Limits that the server leaves open are
// set: 10 s for a request's header, 10 s for all of it, 60 s idle.
func ServeHTTP(ctx context.Context, ln net.Listener, s *http.Server) error {
	s.ReadHeaderTimeout = orDefault(s.ReadHeaderTimeout, 10*time.Second)
	s.ReadTimeout = orDefault(s.ReadTimeout, 10*time.Second)
	s.IdleTimeout = orDefault(s.IdleTimeout, 60*time.Second)
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		stopped <- s.Shutdown(limit)
	})
	err := s.Serve(ln)
	if !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	return <-stopped
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
