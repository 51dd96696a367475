// Gen writes the dashboards into the folder that it is given: `make dashboards`.
package main

import (
	"context"
	"os"
	"path/filepath"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/grafana"
)

func main() { os.Exit(app.Main("gen", run)) }

func run(_ context.Context, env *app.Env) error {
	if len(env.Args) != 1 {
		return errs.E(errs.Usage, "no folder").WithFix("gen grafana/dashboards")
	}
	files, err := grafana.Files()
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(env.Args[0], name), text, 0o644); err != nil { //nolint:gosec // for everyone to read
			return errs.E(errs.Failed, "dashboards: %w", err)
		}
	}
	return nil
}
