package main

import (
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"regexp"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/mtls"
)

// listenPrivate binds the listener of the chat servers.
func (d *daemon) listenPrivate() error {
	if d.cfg.Private.Listen == "" {
		return nil
	}
	conf, err := mtls.Server(d.cfg.Private.Files, mtls.Admitted(mtls.Authd)...)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", d.cfg.Private.Listen)
	if err != nil {
		return errs.E(errs.Usage, "private listener: %w", err).WithFix("stop what holds the address, or set private.listen")
	}
	d.private = tls.NewListener(app.NewDoors(privateEach, privateAll).Listen(ln, func(error) {}), conf)
	return nil
}

// privateServer serves the private listener's API.
func (d *daemon) privateServer() *http.Server {
	s := d.server(d.svc.Private())
	s.ErrorLog = d.refusalLog(s.ErrorLog)
	return s
}

// refusalLog returns a log of failed handshakes; others is for the server's other lines.
func (d *daemon) refusalLog(others *log.Logger) *log.Logger {
	return log.New(&refusalLog{to: mtls.NewRefusals(d.log), others: others}, "", 0)
}

// refusalLog takes the lines of an http.Server. Those of refused certificates are
// written once for each peer and minute.
type refusalLog struct {
	to     *mtls.Refusals
	others *log.Logger
}

// handshakeLine matches what net/http writes of a failed handshake.
var handshakeLine = regexp.MustCompile(`^http: TLS handshake error from (\S+): (.*)`)

func (l *refusalLog) Write(line []byte) (int, error) {
	if m := handshakeLine.FindSubmatch(line); m != nil {
		l.to.Say(string(m[1]), errors.New(string(m[2])))
	} else {
		l.others.Print(string(line))
	}
	return len(line), nil
}

func (d *daemon) privateAddr() string {
	if d.private == nil {
		return ""
	}
	return d.private.Addr().String()
}

// Connections of the private listener, from one machine and in all.
const (
	privateEach = 16
	privateAll  = 256
)
