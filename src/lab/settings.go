package lab

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"chatlab/src/errs"
)

// WithSettings returns a configuration in YAML with keys such as "a.b" set, as
// [Tunable].Override wants it. Code failed.
func WithSettings(text []byte, settings map[string]any) ([]byte, error) {
	var root map[string]any
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, errs.E(errs.Failed, "configuration: %w", err)
	}
	for key, value := range settings {
		at, parts := root, strings.Split(key, ".")
		for _, p := range parts[:len(parts)-1] {
			next, ok := at[p].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[p] = next
			}
			at = next
		}
		at[parts[len(parts)-1]] = value
	}
	out, err := yaml.Marshal(root)
	if err != nil {
		return nil, errs.E(errs.Failed, "configuration: %w", err)
	}
	return out, nil
}
