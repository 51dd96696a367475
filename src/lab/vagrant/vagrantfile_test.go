package vagrant

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The Vagrantfile and vagrant/*.rb have tests of their own, in Ruby.
func TestVagrantfile(t *testing.T) {
	if _, err := exec.LookPath("ruby"); err != nil {
		t.Skip("ruby is not installed: as root, `make test` installs it, with vagrant")
	}
	// Vagrant's own installer brings a Ruby that no other program can use.
	if out, err := exec.Command("ruby", "-e", `require "vagrant"; require "vagrant-libvirt"`).CombinedOutput(); err != nil {
		t.Skipf("this Ruby knows no vagrant with vagrant-libvirt: as root, `make test` installs Debian's: %s", strings.TrimSpace(string(out)))
	}
	cmd := exec.CommandContext(t.Context(), "ruby", filepath.Join("vagrant", "test", "test.rb"))
	cmd.Dir = filepath.Join("..", "..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
