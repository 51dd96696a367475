package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
)

// Limits of the control socket.
const (
	maxRequest  = 4 << 10
	maxAnswer   = 1 << 20
	readLimit   = 4 * time.Second  // for a question and its answer
	actionLimit = 40 * time.Second // for an action on a service
)

// request is one order, as a JSON line.
type request struct {
	Op      string     `json:"op"`              // status, heal, do, halt or shutdown
	Probe   bool       `json:"probe,omitempty"` // status: ask the services too
	Node    string     `json:"node,omitempty"`  // do, halt
	Service string     `json:"service,omitempty"`
	Action  lab.Action `json:"action,omitempty"`
}

// answer is the reply, a JSON line.
type answer struct {
	Fingerprint string    `json:"fingerprint,omitempty"`
	Services    []Status  `json:"services,omitempty"`
	Code        errs.Code `json:"code,omitempty"` // of a failure
	Message     string    `json:"message,omitempty"`
	Fix         string    `json:"fix,omitempty"`
}

// controlServer answers on the Unix socket of a folder.
type controlServer struct {
	dir *os.File
	ln  net.Listener
}

// socketPath names the socket by way of the open folder, since the name of a
// Unix socket is limited to 107 bytes and that of a folder is not.
func socketPath(dir *os.File) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socketFile)
}

// listenControl binds the socket. The caller holds the folder's lock, so a
// socket that is there belongs to nobody.
func listenControl(folder string) (*controlServer, error) {
	dir, err := os.Open(folder)
	if err != nil {
		return nil, errs.E(errs.Usage, "control socket: %w", err)
	}
	_ = os.Remove(filepath.Join(folder, socketFile))
	ln, err := net.Listen("unix", socketPath(dir))
	if err == nil {
		err = os.Chmod(filepath.Join(folder, socketFile), 0o600)
	}
	if err != nil {
		_ = dir.Close()
		return nil, errs.E(errs.Usage, "control socket: %w", err)
	}
	return &controlServer{dir, ln}, nil
}

// serve answers until ctx ends, and waits for the answers under way.
func (c *controlServer) serve(ctx context.Context, handle func(context.Context, request) answer) {
	defer c.dir.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.ln.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		conn, err := c.ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			continue
		}
		wg.Go(func() {
			defer conn.Close()
			_ = conn.SetReadDeadline(time.Now().Add(readLimit))
			var req request
			if err := json.NewDecoder(io.LimitReader(conn, maxRequest)).Decode(&req); err != nil {
				return
			}
			limit, cancel := context.WithTimeout(ctx, actionLimit)
			defer cancel()
			res := handle(limit, req)
			_ = conn.SetWriteDeadline(time.Now().Add(readLimit))
			_ = json.NewEncoder(conn).Encode(res)
		})
	}
}

// ask sends one order to the supervisor of a folder. Code unavailable if none
// answers, else the code of the answer.
func ask(ctx context.Context, folder string, req request) (answer, error) {
	var res answer
	dir, err := os.Open(folder)
	if err != nil {
		return res, errs.E(errs.Unavailable, "supervisor: %w", err)
	}
	defer dir.Close()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", socketPath(dir))
	if err != nil {
		return res, errs.Wrap(err, errs.Unavailable, "the supervisor does not answer")
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	limit := readLimit
	if req.Op == "do" || req.Op == "halt" {
		limit += actionLimit
	}
	_ = conn.SetDeadline(time.Now().Add(limit))
	if err := json.NewEncoder(conn).Encode(req); err != nil {
		return res, errs.Wrap(err, errs.Unavailable, "the supervisor does not answer")
	}
	if err := json.NewDecoder(io.LimitReader(conn, maxAnswer)).Decode(&res); err != nil {
		return res, errs.Wrap(err, errs.Unavailable, "the supervisor does not answer")
	}
	if res.Code != "" {
		return res, &errs.Error{Code: res.Code, Message: res.Message, Fix: res.Fix}
	}
	return res, nil
}

// Ask returns the state of the services in the order of the start, and the
// fingerprint of the plan that runs. probe asks each service too whether it is
// ready still. Code unavailable if no supervisor answers.
func Ask(ctx context.Context, dir string, probe bool) (services []Status, fingerprint string, err error) {
	res, err := ask(ctx, dir, request{Op: "status", Probe: probe})
	return res.Services, res.Fingerprint, err
}

// Do acts on a service, as [lab.Host].Do does.
func Do(ctx context.Context, dir, node, service string, a lab.Action) error {
	_, err := ask(ctx, dir, request{Op: "do", Node: node, Service: service, Action: a})
	return err
}

// Heal orders the supervisor to run all services, those that were stopped or
// frozen too, without a pause for those that fail; it returns at once.
func Heal(ctx context.Context, dir string) error {
	_, err := ask(ctx, dir, request{Op: "heal"})
	return err
}

// Shutdown orders the supervisor to stop everything and end; it returns at once.
func Shutdown(ctx context.Context, dir string) error {
	_, err := ask(ctx, dir, request{Op: "shutdown"})
	return err
}

// TrySocket tells whether control sockets work in a folder.
func TrySocket(dir string) error {
	c, err := listenControl(dir)
	if err != nil {
		return err
	}
	_ = c.ln.Close()
	return c.dir.Close()
}
