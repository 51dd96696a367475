// Package ferret runs a MongoDB-wire server inside the process: FerretDB on
// SQLite files. It is the log database of a lab without MongoDB, and of tests.
package ferret

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/FerretDB/FerretDB/ferretdb"

	"chatlab/src/errs"
)

// Server is one embedded server.
type Server struct {
	db  *ferretdb.FerretDB
	dir string
	uri string
}

// Listen binds a server on host:port (port 0: any free one), its data in dir,
// which is made where it is missing (0700). The server knows no users: it is for tests,
// and for ListenTLS. Fails with code usage.
func Listen(addr, dir string) (*Server, error) {
	dir, err := folder(dir)
	if err != nil {
		return nil, err
	}
	return listen(ferretdb.ListenerConfig{TCP: addr}, dir)
}

func listen(at ferretdb.ListenerConfig, dir string) (*Server, error) {
	db, err := ferretdb.New(&ferretdb.Config{
		Listener: at,
		Logger:   slog.New(slog.DiscardHandler),
		Handler:  "sqlite", SQLiteURL: "file:" + dir + "/",
	})
	if err != nil {
		return nil, errs.E(errs.Usage, "embedded database on %s%s: %w", at.TCP, at.Unix, err).
			WithFix("stop what holds the address or the folder %s", dir)
	}
	return &Server{db: db, dir: dir, uri: db.MongoDBURI()}, nil
}

// folder makes the folder of the data and returns its absolute path.
func folder(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", errs.E(errs.Usage, "embedded database: %w", err)
	}
	if strings.ContainsAny(abs, "?#%") {
		return "", errs.E(errs.Usage, "embedded database: the path %s has one of ?#%%", abs)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return "", errs.E(errs.Usage, "embedded database: %w", err)
	}
	return abs, nil
}

// URI returns the connection string for a driver: mongodb://host:port/.
func (s *Server) URI() string { return s.uri }

// Addr returns the address that was bound.
func (s *Server) Addr() string {
	u, err := url.Parse(s.uri)
	if err != nil {
		return ""
	}
	return u.Host
}

// Serve runs the server until ctx ends. Clients that are still connected then
// get about three seconds to leave. Call it once, or the files stay open.
func (s *Server) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var indexes sync.WaitGroup
	defer indexes.Wait()
	defer cancel()
	indexes.Go(func() { s.keepIndexes(ctx) })
	return s.db.Run(ctx)
}
