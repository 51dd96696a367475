package auth

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"chatlab/src/errs"
)

// MaxBody is the longest request body, in bytes.
const MaxBody = 4 << 10

// Answers of the calls, as in the specification's table.
type (
	tokenAnswer struct {
		Token string `json:"token"`
	}
	messageAnswer struct {
		Message string `json:"message"`
	}
	userAnswer struct {
		ID string `json:"id"`
	}
)

// call answers a request with a value to be sent as JSON.
type call func(r *http.Request) (any, error)

// route is one path of the API.
type route struct {
	name   string // in metrics
	method string
	pays   kind // the budget of the address that a call is counted against
	call   call
}

func (to route) allow() string {
	if to.method == http.MethodGet {
		return "GET, HEAD"
	}
	return to.method
}

func (to route) takes(method string) bool {
	return method == to.method || to.method == http.MethodGet && method == http.MethodHead
}

// handler is the HTTP API.
type handler struct {
	*Service
	routes   map[string]route
	refusals *rate.Limiter // of lines in the log
}

// userPath is followed by an id.
const userPath = "/auth/getuser/"

// Handler returns the HTTP API that openapi.yaml describes.
func (s *Service) Handler() http.Handler {
	h := s.handler()
	h.routes = map[string]route{
		"/auth/login":   {"login", http.MethodPost, signing, h.login},
		"/auth/signup":  {"signup", http.MethodPost, signing, h.signUp},
		"/auth/refresh": {"refresh", http.MethodPost, request, h.refresh},
		"/auth/logout":  {"logout", http.MethodPost, request, h.logout},
		"/auth/passwd":  {"passwd", http.MethodPost, signing, h.changePassword},
		"/auth/user":    {"user", http.MethodDelete, signing, h.deleteUser},
		"/auth/health":  {"health", http.MethodGet, free, h.health},
		userPath:        {"getuser", http.MethodGet, request, h.getUser},
	}
	return h
}

func (s *Service) handler() *handler {
	return &handler{Service: s, refusals: rate.NewLimiter(20, 200)}
}

// ServeHTTP answers one request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	name, answer, err := h.dispatch(w, r)
	if err != nil {
		h.refuse(w, r, err)
	} else {
		send(w, http.StatusOK, "application/json", answer)
	}
	h.metrics.observe(name, err, time.Since(begin))
}

func (h *handler) dispatch(w http.ResponseWriter, r *http.Request) (string, any, error) {
	path := r.URL.Path
	if strings.HasPrefix(path, userPath) && len(path) > len(userPath) {
		path = userPath
	} else if path == userPath {
		path = "" // an empty id is no user
	}
	to, ok := h.routes[path]
	if !ok {
		return "other", nil, errs.E(errs.NotFound, "there is nothing at this path")
	}
	if !to.takes(r.Method) {
		w.Header().Set("Allow", to.allow())
		return to.name, nil, errs.E(errs.MethodNotAllowed, "this path takes %s only", to.allow())
	}
	if to.pays != free {
		if err := h.addresses.take(peerOf(r.RemoteAddr).network, to.pays, h.cfg.Now()); err != nil {
			return to.name, nil, err
		}
	}
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	answer, err := to.call(r)
	return to.name, answer, err
}

func send(w http.ResponseWriter, status int, kind string, answer any) {
	body, err := json.Marshal(answer)
	if err != nil { // no answer holds what JSON cannot
		status, body = http.StatusInternalServerError, nil
	}
	head := w.Header()
	head.Set("Content-Type", kind)
	head.Set("Content-Length", strconv.Itoa(len(body)))
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a peer that went away has no use for an error
}
