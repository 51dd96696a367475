// Pictures makes a picture of each dashboard, as a browser shows it:
// `make pictures`, for those with a Grafana that has the lab's dashboards, and Chromium.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/grafana"
	"chatlab/src/grafana/browser"
)

// limit is how long one picture may take.
const limit = 5 * time.Minute

func main() { os.Exit(app.Main("pictures", run)) }

// picture is one that is wanted.
type picture struct {
	dashboard grafana.Dashboard
	theme     string
	width     int
}

// options are the flags.
type options struct {
	grafana, user, password, out, node, from, suffix string
	only, themes, widths                             string
	chromium                                         string
}

func (o *options) parse(env *app.Env) error {
	flags := flag.NewFlagSet(env.Name, flag.ContinueOnError)
	flags.SetOutput(env.Stderr)
	flags.StringVar(&o.grafana, "grafana", "", "`address` of Grafana; `lab status` prints it")
	flags.StringVar(&o.user, "user", "admin", "`who` signs in")
	flags.StringVar(&o.password, "password", "", "`file` with the password; `lab status` prints it")
	flags.StringVar(&o.out, "out", "grafana/pictures", "`folder` that the pictures go to")
	flags.StringVar(&o.node, "node", "log", "the `node` that dashboard Node shows")
	flags.StringVar(&o.from, "from", "now-15m", "since when")
	flags.StringVar(&o.suffix, "suffix", "", "end of each picture's `name`")
	flags.StringVar(&o.only, "only", "", "`dashboards` of which to make pictures; all when empty")
	flags.StringVar(&o.themes, "themes", "dark,light", "")
	flags.StringVar(&o.widths, "widths", "1400,800", "")
	flags.StringVar(&o.chromium, "chromium", "chromium", "Chromium's `program`")
	err := flags.Parse(env.Args)
	if err != nil || flags.NArg() > 0 || o.grafana == "" || o.password == "" {
		return errs.E(errs.Usage, "arguments cannot be used: %s", strings.Join(env.Args, " ")).
			WithFix("make pictures GRAFANA=http://ADDRESS:3000 PASSWORD=FILE; `lab status` prints both")
	}
	return nil
}

// wanted lists the pictures. Fails with code usage when a name or a width is none.
func (o *options) wanted() ([]picture, error) {
	var out []picture
	for _, d := range grafana.Dashboards() {
		if o.only != "" && !strings.Contains(","+o.only+",", ","+d.Name()+",") {
			continue
		}
		for _, theme := range strings.Split(o.themes, ",") {
			for _, text := range strings.Split(o.widths, ",") {
				var width int
				if _, err := fmt.Sscanf(text, "%d", &width); err != nil || width < 400 || width > 4000 {
					return nil, errs.E(errs.Usage, "%q is no width of a picture", text).WithFix("--widths 1400,800")
				}
				out = append(out, picture{d, theme, width})
			}
		}
	}
	if len(out) == 0 {
		return nil, errs.E(errs.Usage, "no dashboard %s", o.only).WithFix("--only overview,node,auth,chat,events")
	}
	return out, nil
}

func run(ctx context.Context, env *app.Env) error {
	var o options
	if err := o.parse(env); err != nil {
		return err
	}
	list, err := o.wanted()
	if err != nil {
		return err
	}
	front, err := signIn(ctx, o.grafana, o.user, o.password)
	if err != nil {
		return err
	}
	defer front.Close()
	b, err := browser.Start(ctx, o.chromium)
	if err != nil {
		return err
	}
	defer b.Close()
	for _, p := range list {
		path := filepath.Join(o.out, fmt.Sprintf("%s-%s-%d%s.png", p.dashboard.Name(), p.theme, p.width, o.suffix))
		size, err := take(ctx, b, p, o.address(front.base, p), path)
		if err != nil {
			return errs.Wrap(err, errs.CodeOf(err), "picture %s", path)
		}
		fmt.Fprintf(env.Stdout, "%s  %d KB\n", path, (size+1023)/1024)
	}
	return nil
}

func (o *options) address(base string, p picture) string {
	return fmt.Sprintf("%s/d/%s?theme=%s&kiosk=tv&from=%s&to=now&refresh=1d&var-%s=%s", base, p.dashboard.UID, p.theme, o.from, grafana.NodeVariable, o.node)
}

// take makes one picture and returns its size.
func take(ctx context.Context, b *browser.Browser, p picture, address, path string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	png, err := shoot(ctx, b, address, p.width, height(p.dashboard), len(p.dashboard.Panels))
	if err != nil {
		return 0, err
	}
	small, err := shrink(png)
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // for everyone to read
		return 0, errs.E(errs.Failed, "pictures: %w", err)
	}
	if err := os.WriteFile(path, small, 0o644); err != nil { //nolint:gosec // for everyone to read
		return 0, errs.E(errs.Failed, "pictures: %w", err)
	}
	return len(small), nil
}

// Grafana's grid: a row's height, what lies between two, and what lies above all.
const (
	rowHeight = 30
	rowGap    = 8
	head      = 64
)

// height is what shows all of a dashboard: panels below the window are not drawn.
func height(d grafana.Dashboard) int {
	last := 0
	for _, p := range d.Panels {
		last = max(last, p.GridPos.Y+p.GridPos.H)
	}
	return last*(rowHeight+rowGap) + head
}
