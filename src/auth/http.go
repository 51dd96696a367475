package auth

import (
	"net/http"
	"strings"
	"time"

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
	free   bool // not counted against the address's limit
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
	routes map[string]route
}

// userPath is followed by an id.
const userPath = "/auth/getuser/"

// Handler returns the HTTP API that openapi.yaml describes.
func (s *Service) Handler() http.Handler {
	h := &handler{Service: s}
	h.routes = map[string]route{
		"/auth/login":   {name: "login", method: http.MethodPost, call: h.login},
		"/auth/signup":  {name: "signup", method: http.MethodPost, call: h.signUp},
		"/auth/refresh": {name: "refresh", method: http.MethodPost, call: h.refresh},
		"/auth/health":  {name: "health", method: http.MethodGet, free: true, call: h.health},
		userPath:        {name: "getuser", method: http.MethodGet, call: h.getUser},
	}
	return h
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
	if !to.free {
		if err := h.addresses.take(r.RemoteAddr, h.cfg.Now()); err != nil {
			return to.name, nil, err
		}
	}
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	answer, err := to.call(r)
	return to.name, answer, err
}
