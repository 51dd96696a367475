package vagrant

import (
	"encoding/json"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"chatlab/src/errs"
)

// access is what vagrant/provisioners.rb records of machines that are up.
type access struct {
	Inventory string            `json:"inventory"`
	Provider  string            `json:"provider"`
	Profile   string            `json:"profile"`
	Patience  float64           `json:"patience"`
	Embedded  bool              `json:"embedded"`
	User      string            `json:"user"`
	Keys      map[string]string `json:"keys"`
}

// AccessFile is what a state folder holds of machines that were up.
const AccessFile = "access.json"

func accessFile(state string) string { return filepath.Join(state, AccessFile) }

// readAccess returns the zero access where no machine was ever up.
func readAccess(state string) (access, error) {
	var a access
	text, err := os.ReadFile(accessFile(state))
	if os.IsNotExist(err) {
		return a, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	if err != nil {
		return a, errs.E(errs.Usage, "%s: %w", accessFile(state), err).WithFix("`vagrant provision` writes it anew")
	}
	return a, nil
}

// Recorded returns the inventory that the machines of a state folder were
// brought up with; "" when there was none, or it is gone.
func Recorded(state string) string {
	a, err := readAccess(state)
	if err != nil || a.Inventory == "" {
		return ""
	}
	if _, err := os.Stat(a.Inventory); err != nil {
		return ""
	}
	return a.Inventory
}

// Inventory returns the inventory that `vagrant up` of a project would take.
func Inventory(project string) string {
	if path := os.Getenv("CHATLAB_INVENTORY"); path != "" {
		return path
	}
	var settings struct{ Inventory string }
	local := os.Getenv("CHATLAB_VAGRANT_LOCAL")
	if local == "" {
		local = filepath.Join(project, "vagrant", "local.yml")
	}
	// A broken file is Vagrant's to tell, which reads all of it.
	for _, path := range []string{filepath.Join(project, "vagrant", "settings.yml"), local} {
		if text, err := os.ReadFile(path); err == nil {
			_ = yaml.Unmarshal(text, &settings)
		}
	}
	if filepath.IsAbs(settings.Inventory) {
		return settings.Inventory
	}
	return filepath.Join(project, settings.Inventory)
}
