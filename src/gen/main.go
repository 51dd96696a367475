// Gen writes generated files into a folder: `make dashboards`, `make templates`.
package main

import (
	"context"
	"os"
	"path/filepath"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/grafana"
	"chatlab/src/zabbix"
)

var kinds = map[string]func() (map[string][]byte, error){"dashboards": grafana.Files, "templates": zabbix.Files}

func main() { os.Exit(app.Main("gen", run)) }

func run(_ context.Context, env *app.Env) error {
	if len(env.Args) != 2 || kinds[env.Args[0]] == nil {
		return errs.E(errs.Usage, "no kind of file and folder").WithFix("gen dashboards grafana/dashboards, or gen templates zabbix/templates")
	}
	files, err := kinds[env.Args[0]]()
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(env.Args[1], name), text, 0o644); err != nil { //nolint:gosec // for everyone to read
			return errs.E(errs.Failed, "%s: %w", env.Args[0], err)
		}
	}
	return nil
}
