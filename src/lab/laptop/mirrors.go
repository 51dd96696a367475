package laptop

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"chatlab/src/lab/local"
)

// mirror is a package repository of a profile.
type mirror struct{ variable, name, url string }

// mirrors asks the archives that CentOS 7 lives on since its end. The other
// profiles have mirrors that are kept up.
func (h *host) mirrors(ctx context.Context) []local.Finding {
	if h.settings.Profile != el7 {
		return nil
	}
	path := filepath.Join(h.Project, "ansible", "profiles", el7+".yml")
	all, err := h.readMirrors(path)
	if err != nil {
		return []local.Finding{fail("mirrors", "the package repositories of "+el7, err.Error(), "mend "+path)}
	}
	out := make([]local.Finding, len(all))
	var wg sync.WaitGroup
	for i, m := range all {
		wg.Go(func() { out[i] = h.ask(ctx, m) })
	}
	wg.Wait()
	return out
}

func (h *host) ask(ctx context.Context, m mirror) local.Finding {
	name, what := "mirror."+m.name, fmt.Sprintf("repository %s, %s", m.name, m.url)
	_, err := reach(ctx, strings.TrimSuffix(m.url, "/")+"/repodata/repomd.xml")
	if err == nil {
		return ok(name, what)
	}
	fix := fmt.Sprintf("a copy elsewhere: `variables: {%s: […]}` in %s, as ansible/profiles/el7.yml has it", m.variable, h.settings.own)
	if m.variable == "profile_repositories" {
		fix = "another archive, as `variables: {profile_vault: https://archive.kernel.org/centos-vault/7.9.2009}` in " + h.settings.own
	}
	return fail(name, what, err.Error(), "look whether this host is online; else "+fix)
}

// readMirrors takes the repositories out of a profile, with the user's own
// variables over it.
func (h *host) readMirrors(path string) ([]mirror, error) {
	text, err := os.ReadFile(path)
	vars := map[string]any{}
	if err == nil {
		err = yaml.Unmarshal(text, &vars)
	}
	if err != nil {
		return nil, err
	}
	maps.Copy(vars, h.settings.Variables)
	var out []mirror
	for _, key := range slices.Sorted(maps.Keys(vars)) {
		list, _ := vars[key].([]any)
		for _, entry := range list {
			table, _ := entry.(map[string]any)
			url, there := table["url"].(string)
			if there && strings.HasSuffix(key, "_repositories") {
				out = append(out, mirror{key, fmt.Sprint(table["name"]), expand(url, vars)})
			}
		}
	}
	return out, nil
}

var reference = regexp.MustCompile(`\{\{ *(\w+) *\}\}`)

// expand puts plain variables into a text.
func expand(text string, vars map[string]any) string {
	return reference.ReplaceAllStringFunc(text, func(found string) string {
		if value, there := vars[reference.FindStringSubmatch(found)[1]]; there {
			return fmt.Sprint(value)
		}
		return found
	})
}
