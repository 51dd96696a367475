package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The folder keeps the packages of this version, and the file by which the playbook
// knows the machine: without it the next run would write it, and say so.
func TestOnlyPackagesOfEarlierVersionsAreRemoved(t *testing.T) {
	cache := t.TempDir()
	for _, name := range []string{"chatlab-1.0", "chatlab-1.1"} {
		if err := os.Mkdir(filepath.Join(cache, name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(cache, name, "complete"), "")
	}
	write(t, filepath.Join(cache, "README"), "")
	script := strings.NewReplacer("{{ base_cache }}", cache, "{{ base_packages | quote }}", filepath.Join(cache, "chatlab-1.1")).
		Replace(shellOf(t, "base/tasks/installed.yml", "Remove the packages of an earlier version"))
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v %s", script, err, out)
	}
	var left []string
	entries, err := os.ReadDir(cache)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if err != nil || !slices.Equal(left, []string{"README", "chatlab-1.1"}) {
		t.Errorf("left are %v, %v", left, err)
	}
}

// shellOf returns what a task of a role has the shell do.
func shellOf(t *testing.T, path, name string) string {
	t.Helper()
	var tasks []struct {
		Name  string
		Shell string `yaml:"ansible.builtin.shell"`
	}
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join("..", "..", "ansible", "roles", path))), &tasks); err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		if task.Name == name && task.Shell != "" {
			return task.Shell
		}
	}
	t.Fatalf("%s has no task %q of the shell", path, name)
	return ""
}
