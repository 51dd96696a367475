package app

import (
	"log/slog"
	"runtime/debug"

	"chatlab/src/errs"
)

// version is set by the linker: -X chatlab/src/app.version=v1.2.3.
var version string

// Version returns the release, or the commit that was built, or "dev".
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "dev"
}

// Logger returns a logfmt logger on standard error at a level: debug, info,
// warn or error. Fails with code usage.
func (e *Env) Logger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, errs.E(errs.Usage, "log level %q is not debug, info, warn or error", level)
	}
	return slog.New(slog.NewTextHandler(e.Stderr, &slog.HandlerOptions{Level: l})), nil
}
