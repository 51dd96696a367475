package view

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"html/template"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"chatlab/src/app"
	"chatlab/src/errs"
)

// maxTries is how many ports are tried after the one that was asked for.
const maxTries = 100

// Listen binds a port of 127.0.0.1, or the next free one after it. Code usage when all of
// them are taken, or the port is none.
func Listen(port int) (net.Listener, error) {
	if port < 0 || port > 65535 {
		return nil, errs.E(errs.Usage, "%d is no port", port).WithFix("--port 0 to 65535; 0: any that is free")
	}
	var err error
	for p := port; p <= min(port+maxTries, 65535); p++ {
		var ln net.Listener
		if ln, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p)); err == nil {
			return ln, nil
		}
	}
	return nil, errs.E(errs.Usage, "no free port from %d on: %w", port, err).WithFix("name another with --port")
}

// Server shows labs to those who were let in.
type Server struct {
	title string
	door  *door
	base  string // path of everything that a browser sees once it is let in

	mu    sync.Mutex
	list  bool // it shows a list of labs
	shown []*shownLab
}

// shownLab is one lab and its rendered parts.
type shownLab struct {
	src       Source
	key       string // in paths
	collector *Collector
	stop      context.CancelFunc

	mu    sync.Mutex
	at    time.Time // of the look that was rendered last
	parts Parts
}

// New returns a server of one lab. Each time a browser was let in, opened is called with
// the path for another one.
func New(title string, src Source, opened func(path string)) *Server {
	s := newServer(title, opened)
	s.shown = []*shownLab{newShown(src)}
	return s
}

// NewList returns a server of several labs, which [Server.Show] names.
func NewList(title string, opened func(path string)) *Server {
	s := newServer(title, opened)
	s.list = true
	return s
}

func newServer(title string, opened func(string)) *Server {
	base := "/" + secret(8) + "/"
	return &Server{title: title, base: base, door: newDoor(base, opened)}
}

func newShown(src Source) *shownLab {
	return &shownLab{src: src, key: key(src.State), collector: NewCollector(src)}
}

// key is a short name for a state folder that can stand in a path.
func key(state string) string {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(state))
	return hex.EncodeToString(sum.Sum(nil))
}

// secret returns n random bytes as text.
func secret(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// Open returns the path, with its token, that lets one browser in.
func (s *Server) Open() string { return s.door.path() }

// Serve collects and serves until ctx ends.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	var collecting sync.WaitGroup
	defer collecting.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	for _, l := range s.shown {
		collecting.Go(func() { l.collector.Run(ctx) })
	}
	s.mu.Unlock()
	web := &http.Server{Handler: s.Handler(ctx), ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	return app.ServeHTTP(ctx, ln, web)
}

// Show replaces the labs of a list. Those that stay keep their curves. Each new collector
// is run by begin, until ctx ends or the lab is not shown any more.
func (s *Server) Show(ctx context.Context, sources []Source, begin func(func())) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var now []*shownLab
	for _, src := range sources {
		i := slices.IndexFunc(s.shown, func(l *shownLab) bool { return l.src.State == src.State })
		if i >= 0 {
			now = append(now, s.shown[i])
			continue
		}
		l := newShown(src)
		var running context.Context
		running, l.stop = context.WithCancel(ctx)
		begin(func() { l.collector.Run(running) })
		now = append(now, l)
	}
	for _, l := range s.shown {
		if !slices.Contains(now, l) {
			l.stop()
		}
	}
	slices.SortFunc(now, func(a, b *shownLab) int { return cmp.Compare(a.src.Name, b.src.Name) })
	s.shown = now
}

func (s *Server) labs() []*shownLab {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.shown)
}

// Handler serves everything; streams end with ctx.
func (s *Server) Handler(ctx context.Context) http.Handler {
	inside := http.NewServeMux()
	for _, name := range []string{"view.css", "view.js", "icon.svg"} {
		inside.HandleFunc("GET "+s.base+name, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, path.Join("page", name)) })
	}
	streams := make(chan struct{}, maxStreams)
	if s.list {
		inside.HandleFunc("GET "+s.base+"{$}", s.page("labs", func(*http.Request) (watched, bool) { return s, true }))
		inside.HandleFunc("GET "+s.base+"stream", stream(ctx, streams, func(*http.Request) (watched, bool) { return s, true }))
		inside.HandleFunc("GET "+s.base+"lab/{key}/{$}", s.page("lab", s.find))
		inside.HandleFunc("GET "+s.base+"lab/{key}/stream", stream(ctx, streams, s.find))
	} else {
		one := func(*http.Request) (watched, bool) { return s.labs()[0], true }
		inside.HandleFunc("GET "+s.base+"{$}", s.page("lab", one))
		inside.HandleFunc("GET "+s.base+"stream", stream(ctx, streams, one))
	}
	return s.door.guard(inside)
}

func (s *Server) find(r *http.Request) (watched, bool) {
	for _, l := range s.labs() {
		if l.key == r.PathValue("key") {
			return l, true
		}
	}
	return nil, false
}

// pageData fills the template "page".
type pageData struct {
	Title, Kind, Base, Stream string
	Body                      template.HTML
}

// page serves a whole page, as it is now.
func (s *Server) page(kind string, of func(*http.Request) (watched, bool)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		what, ok := of(r)
		if !ok {
			http.Error(w, "This lab does not run any more.", http.StatusNotFound)
			return
		}
		title, index := s.title, ""
		if l, is := what.(*shownLab); is && s.list {
			title, index = l.src.Name, s.base
		}
		now, _, err := what.now()
		var body template.HTML
		if err == nil {
			body, err = render(kind, map[string]any{"Parts": now, "Index": index})
		}
		var whole template.HTML
		if err == nil {
			whole, err = render("page", pageData{title, kind, s.base, strings.TrimSuffix(r.URL.Path, "/") + "/stream", body})
		}
		if err != nil {
			http.Error(w, "The page cannot be drawn.", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(whole))
	}
}

// now implements watched: the parts of the newest look, rendered once for all who watch.
func (l *shownLab) now() (Parts, <-chan struct{}, error) {
	l.collector.watch()
	look, next := l.collector.Look()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.parts == nil || !l.at.Equal(look.At) {
		now, err := parts(look)
		if err != nil {
			return nil, next, err
		}
		l.parts, l.at = now, look.At
	}
	return l.parts, next, nil
}

// now implements watched: the list of labs, again after Every.
func (s *Server) now() (Parts, <-chan struct{}, error) {
	var cards []card
	for _, l := range s.labs() {
		look, _ := l.collector.Look()
		cards = append(cards, newCard(l.src, s.base+"lab/"+l.key+"/", look))
	}
	html, err := render("list", cards)
	next := make(chan struct{})
	time.AfterFunc(Every, func() { close(next) })
	return Parts{"labs": html}, next, err
}
