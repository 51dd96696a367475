package vagrant

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// boxRig copies the scripts that build boxes, so that their tables can say
// something else.
func boxRig(t *testing.T) string {
	t.Helper()
	if err := exec.Command("python3", "-c", "import yaml").Run(); err != nil {
		t.Skip("python3-yaml, which reads the table of boxes, is not installed")
	}
	dir := t.TempDir()
	script := "cd ../../../vagrant && tar -c boxes.yml boxes/el7* boxes/common boxes/*.py --exclude '*.box' | tar -x -C \"$0\""
	if err := os.Mkdir(filepath.Join(dir, "vagrant"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("sh", "-c", script, filepath.Join(dir, "vagrant")).CombinedOutput(); err != nil {
		t.Fatalf("%s %v", out, err)
	}
	return dir
}

func build(dir string, args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(dir, "vagrant/boxes/el7"), args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	return strings.ReplaceAll(string(out), dir, "DIR"), err
}

func TestAnImageThatIsNotTheTablesIsRefused(t *testing.T) {
	dir := boxRig(t)
	image := filepath.Join(dir, "image.qcow2")
	if err := os.WriteFile(image, []byte("half of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		image:                    "el7: error: DIR/image.qcow2 is another file than CentOS-7-x86_64-GenericCloud-2211.qcow2: its SHA-256 is ",
		filepath.Join(dir, "no"): "el7: error: there is no file DIR/no\nel7: hint: get https://",
	} {
		out, err := build(dir, name)
		if err == nil || !strings.HasPrefix(out, want) || strings.Count(out, "\n") != 2 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// The image is empty, and what would set its users up writes down what it was
// asked: an image of CentOS is 900 MB.
func TestAnImageBecomesABox(t *testing.T) {
	for _, tool := range []string{"qemu-img", "vagrant", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s, which packs the box, is not installed", tool)
		}
	}
	dir := boxRig(t)
	image := filepath.Join(dir, "image.qcow2")
	if out, err := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", image, "1M").CombinedOutput(); err != nil {
		t.Fatalf("%s %v", out, err)
	}
	customize := "#!/bin/sh\necho \"$*\" >\"$TMPDIR/asked\"\ncp \"${4%/*}/files.tar\" \"$TMPDIR\"\n" // $4: the disk
	if err := os.WriteFile(filepath.Join(dir, "virt-customize"), []byte(customize), 0o755); err != nil {
		t.Fatal(err)
	}
	named(t, dir, image)
	if out, err := build(dir, image); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	box := filepath.Join(dir, "vagrant/boxes/el7-libvirt.box")
	if out, err := exec.Command("tar", "-C", dir, "-xf", box).CombinedOutput(); err != nil {
		t.Fatalf("%s %v", out, err)
	}
	if text := read(t, dir, "metadata.json"); text != `{"provider": "libvirt", "format": "qcow2", "virtual_size": 20}`+"\n" {
		t.Error(text)
	}
	info, err := exec.Command("qemu-img", "info", filepath.Join(dir, "box.img")).CombinedOutput()
	if err != nil || !strings.Contains(string(info), "20 GiB") || !strings.Contains(string(info), "file format: qcow2") {
		t.Errorf("%s %v", info, err)
	}
	if asked := read(t, dir, "asked"); !strings.Contains(asked, "vagrant.pub") || !strings.Contains(asked, "--selinux-relabel") {
		t.Error(asked)
	}
	list, err := exec.Command("tar", "--numeric-owner", "-tvf", filepath.Join(dir, "files.tar")).CombinedOutput()
	if err != nil || !regexp.MustCompile(`(?m)^-rwxr-xr-x 0/0 .* usr/local/sbin/chatlab-grow$`).Match(list) {
		t.Errorf("%s %v", list, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "chatlab-*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// named makes the table of boxes name an image.
func named(t *testing.T, dir, image string) {
	t.Helper()
	text, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	table := filepath.Join(dir, "vagrant/boxes.yml")
	old, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("sha256: %x", sha256.Sum256(text))
	fresh := regexp.MustCompile(`sha256: [0-9a-f]{64}`).ReplaceAllString(string(old), sum)
	if err := os.WriteFile(table, []byte(fresh), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
