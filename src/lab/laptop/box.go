package laptop

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"chatlab/src/lab/local"
)

// boxSettings is an entry of vagrant/boxes.yml.
type boxSettings struct {
	Name, Version, URL, File, Build string
	Registry                        bool
}

// registryEnd is what its owner has announced.
const registryEnd = "Vagrant's registry of boxes is being shut down (31 December 2026)"

// box looks whether Vagrant has the box, or where it would come from.
func (h *host) box(ctx context.Context) []local.Finding {
	if h.vagrant == nil || h.provider != virtualBox && h.provider != libvirt {
		return nil
	}
	b, there := h.settings.Boxes[h.settings.Profile][h.provider]
	if !there || b.Name == "" {
		return []local.Finding{fail("box", fmt.Sprintf("the box of profile %s for %s", h.settings.Profile, h.provider), "vagrant/boxes.yml has none",
			fmt.Sprintf("add one below `boxes: {%s: {%s: …}}` in %s, or choose another profile", h.settings.Profile, h.provider, h.settings.own))}
	}
	what := "box " + strings.TrimSpace(b.Name+" "+b.Version)
	if h.kept(ctx, b) {
		return []local.Finding{ok("box", what)}
	}
	return []local.Finding{h.source(ctx, b, what)}
}

// source looks where a box would come from.
func (h *host) source(ctx context.Context, b boxSettings, what string) local.Finding {
	switch {
	case b.File != "":
		if _, err := os.Stat(filepath.Join(h.Project, b.File)); err == nil {
			return ok("box", what)
		}
		if b.Build == "" {
			return fail("box", what, "there is no file "+b.File, h.wayRound(b))
		}
		return fail("box", what, "it is not built: there is no "+b.File, "build it: `sudo "+b.Build+"`")
	case b.URL != "":
		if path, isFile := strings.CutPrefix(b.URL, "file://"); isFile {
			if _, err := os.Stat(path); err != nil {
				return fail("box", what, "there is no file "+path, h.wayRound(b))
			}
		} else if _, err := reach(ctx, b.URL); err != nil {
			return fail("box", what, fmt.Sprintf("%s: %s", b.URL, err), h.wayRound(b))
		}
		return ok("box", what)
	}
	return h.registry(ctx, b, what)
}

func (h *host) registry(ctx context.Context, b boxSettings, what string) local.Finding {
	server := strings.TrimSuffix(os.Getenv("VAGRANT_SERVER_URL"), "/")
	if server == "" {
		server = "https://vagrantcloud.com"
	}
	status, err := reach(ctx, server+"/"+b.Name)
	switch {
	case err == nil:
		return warn("box", what, registryEnd, fmt.Sprintf("fetch it while it is there: `vagrant box add %s --provider %s`, and keep a copy: `vagrant box repackage`", b.Name, h.provider))
	case status == http.StatusNotFound:
		return fail("box", what, "there is no such box in the registry; "+registryEnd, h.wayRound(b))
	}
	return fail("box", what, fmt.Sprintf("%s: %s; %s", server, err, registryEnd), h.wayRound(b))
}

// wayRound says how to do without what cannot be had.
func (h *host) wayRound(b boxSettings) string {
	return fmt.Sprintf("get its file elsewhere, then `vagrant box add --name %s --provider %s FILE`; or name another box below `boxes: {%s: {%s: …}}` in %s",
		b.Name, h.provider, h.settings.Profile, h.provider, h.settings.own)
}

// kept tells whether Vagrant has the box already.
func (h *host) kept(ctx context.Context, b boxSettings) bool {
	said, err := output(ctx, "vagrant", "box", "list", "--machine-readable")
	if err != nil {
		return false
	}
	var name, provider string
	for line := range strings.Lines(said) {
		fields := strings.Split(strings.TrimSpace(line), ",")
		if len(fields) < 4 {
			continue
		}
		switch fields[2] {
		case "box-name":
			name = fields[3]
		case "box-provider":
			provider = fields[3]
		case "box-version":
			if name == b.Name && provider == h.provider && (b.Version == "" || b.Version == fields[3]) {
				return true
			}
		}
	}
	return false
}
