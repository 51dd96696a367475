package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// bins builds all programs once for a test, or takes those of CHATLAB_BIN.
func bins(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("CHATLAB_BIN"); dir != "" {
		return dir
	}
	dir := t.TempDir()
	args := []string{"build", "-ldflags", "-s -w", "-o", dir + "/"}
	for _, p := range packages() {
		for _, program := range p.programs {
			args = append(args, "chatlab/src/cmd/"+program)
		}
	}
	run := exec.Command("go", args...)
	run.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return dir
}

// thin stands a small script before each program: compressing the programs
// themselves takes most of the time of a build, and shows nothing more.
func thin(t *testing.T, bin string) string {
	t.Helper()
	dir := t.TempDir()
	bin, err := filepath.Abs(bin)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages() {
		for _, program := range p.programs {
			text := "#!/bin/sh\nexec " + filepath.Join(bin, program) + " \"$@\"\n"
			if err := os.WriteFile(filepath.Join(dir, program), []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v %s", name, args, err, out)
	}
	return string(out)
}

func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: as root, `make test` installs it", tool)
		}
	}
}

func TestPackagesHoldWhatTheyMust(t *testing.T) {
	need(t, "dpkg-deb", "rpm")
	bin, dist := thin(t, bins(t)), t.TempDir()
	b := &builder{bin: bin, help: bin, arch: hostArch, out: dist, project: filepath.Join("..", ".."), release: release{"1.2.3", time.Unix(1e9, 0)}}
	if _, err := build(context.Background(), b, packages(), []string{"deb", "rpm"}); err != nil {
		t.Fatal(err)
	}
	for _, p := range packages() {
		for _, f := range flavours {
			t.Run(p.name+" "+f.kind+" "+f.release, func(t *testing.T) { holds(t, dist, p, f) })
		}
	}
	for profile, want := range map[string]string{"debian12": ".deb", "debian13": ".deb", "el7": ".el7.x86_64.rpm", "el9": ".el9.x86_64.rpm"} {
		files := strings.Fields(output(t, "tar", "-tf", filepath.Join(dist, "chatlab-1.2.3-"+profile+".tar")))
		slices.Sort(files)
		if n := len(packages()); len(files) != n+1 || !strings.HasSuffix(files[0], want) || !strings.HasSuffix(files[n-1], want) || files[n] != "chatlab-1.2.3/complete" {
			t.Errorf("the archive for %s holds %v", profile, files)
		}
	}
	if err := clear(dist); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dist); len(left) != 0 {
		t.Errorf("a new build would leave %v of the last", left)
	}
}

// holds looks into one archive with the tools of its own system.
func holds(t *testing.T, dist string, p pkg, f flavour) {
	path := filepath.Join(dist, p.name+"_1.2.3-1_amd64.deb")
	list, conf, depends := []string{"dpkg-deb", "-c"}, []string{"dpkg-deb", "-I"}, []string{"dpkg-deb", "-f"}
	if f.kind == "rpm" {
		path = filepath.Join(dist, p.name+"-1.2.3-"+f.release+".x86_64.rpm")
		list, conf, depends = []string{"rpm", "-qlvp"}, []string{"rpm", "-qcp"}, []string{"rpm", "-qRp"}
	}
	files := output(t, list[0], list[1], path)
	has := func(want bool, pattern string) {
		t.Helper()
		if regexp.MustCompile(`(?m)`+pattern).MatchString(files) != want {
			t.Errorf("%q: want %v in\n%s", pattern, want, files)
		}
	}
	for _, program := range p.programs {
		has(true, `^-rwxr-xr-x .*root.*root.* \.?/opt/chatlab/bin/`+program+`$`)
	}
	has(len(p.programs) > 0, `^drwxr-xr-x .*root.*root.* \.?/opt/chatlab/bin/?$`)
	has(p.service != nil, `/usr/lib/systemd/system/chatlab-`)
	needs := output(t, depends[0], depends[1], path)
	for _, other := range p.needs {
		if !strings.Contains(needs, other) {
			t.Errorf("does not need %s: %s", other, needs)
		}
	}
	if f.kind == "rpm" {
		oldRPM(t, path)
	}
	if p.service == nil {
		return
	}
	unit := `/usr/lib/systemd/system/chatlab-` + p.service.name + `\.service`
	has(true, unit+`$`)
	has(f.hardened, unit+`\.d/10-hardening\.conf$`)
	for _, dir := range p.service.data {
		has(true, `^drwx------ .*/var/lib/chatlab/`+dir+`/?$`)
	}
	for _, c := range p.service.configs {
		has(true, `^-rw-r--r-- .*/etc/chatlab/`+c.file+`$`)
		if f.kind == "rpm" && !strings.Contains(output(t, conf[0], conf[1], path), "/etc/chatlab/"+c.file) {
			t.Errorf("%s is not marked as configuration", c.file)
		}
		if f.kind == "deb" && !strings.Contains(output(t, "dpkg-deb", "--ctrl-tarfile", path), "/etc/chatlab/"+c.file) {
			t.Errorf("%s is no conffile", c.file)
		}
	}
}

// oldRPM checks that CentOS 7's rpm 4.11 can read a package: nothing that came
// later, and no compression but gzip.
func oldRPM(t *testing.T, path string) {
	t.Helper()
	for _, line := range strings.Split(output(t, "rpm", "-qRp", path), "\n") {
		if strings.HasPrefix(line, "rpmlib(") && !regexp.MustCompile(`^rpmlib\((CompressedFileNames|PayloadFilesHavePrefix|FileDigests|PayloadIsXz)\)`).MatchString(line) {
			t.Errorf("rpm 4.11 may lack %s", line)
		}
	}
	if got := output(t, "rpm", "-qp", "--qf", "%{PAYLOADCOMPRESSOR}", path); got != "gzip" {
		t.Errorf("compressed with %s", got)
	}
}

// A default configuration names every key of its program: its lines that are
// comments of keys, made keys, must be taken by the program.
func TestDefaultConfigurationIsWhatTheProgramTakes(t *testing.T) {
	bin := bins(t)
	for _, p := range packages() {
		if p.service == nil {
			continue
		}
		for _, c := range p.service.configs {
			t.Run(c.file, func(t *testing.T) { takes(t, bin, c) })
		}
	}
}

var commentedKey = regexp.MustCompile(`(?m)^( *)#([a-z_]+:)`)

func takes(t *testing.T, bin string, c config) {
	text, err := c.text(context.Background(), bin)
	if err != nil {
		t.Fatal(err)
	}
	if c.program == "" {
		if !strings.Contains(text, "MONGOD_LISTEN=127.0.0.1:") {
			t.Errorf("not on loopback:\n%s", text)
		}
		return
	}
	for name, text := range map[string]string{"as packaged": text, "all keys": commentedKey.ReplaceAllString(text, "$1$2")} {
		var tree map[string]any
		if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		path := filepath.Join(t.TempDir(), c.file)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		unknown(t, bin, c, path)
	}
}

// unknown has the program read the file, and a log level that ends it before it
// opens anything; a key that is not its own would have ended it sooner.
func unknown(t *testing.T, bin string, c config, path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, c.program), "--config", path, "--log-level", "no-such-level")
	out, err := cmd.CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("no-such-level")) || bytes.Contains(out, []byte("unknown key")) {
		t.Errorf("%s does not get as far as its log level: %v\n%s", c.program, err, out)
	}
}
