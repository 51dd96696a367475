package nspawn

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/lab"
	"chatlab/src/lab/profile"
	"chatlab/src/wait"
)

// packages are in the image: a system that boots, that SSH and Ansible reach,
// and that has the tools which checks use. All else is for the playbook.
var packages = []string{
	"systemd", "systemd-sysv", "dbus", "libpam-systemd", "openssh-server", "python3", "python3-apt",
	"iproute2", "nftables", "iputils-ping", "netbase", "procps", "ca-certificates",
}

// customize makes the image fit for many machines: no key and no machine id of
// its own, and no console to log in at. dpkg does not wait for the disk: what a
// crash of this machine could tear is made again from nothing.
const customize = `set -eu
printf 'force-unsafe-io\n' >/etc/dpkg/dpkg.cfg.d/chatlab
printf 'path-exclude=/usr/share/man/*\npath-exclude=/usr/share/doc/*\n' >>/etc/dpkg/dpkg.cfg.d/chatlab
systemctl enable systemd-networkd.service ssh.service
systemctl mask getty.target console-getty.service
systemctl disable apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer 2>/dev/null || true
update-ca-certificates
apt-get update
rm -f /etc/ssh/ssh_host_* /etc/hostname /var/cache/apt/archives/*.deb
mkdir -p /var/log/journal
: >/etc/machine-id
`

// image is the base of all machines, built once.
type image struct {
	dir     string // of the cache
	system  profile.System
	sources string // apt's sources.list
	apt     string // apt's settings of this host: proxies
	certs   map[string][]byte
}

// cacheDir is where images are kept.
func cacheDir() string {
	if dir := os.Getenv("CHATLAB_CACHE"); dir != "" {
		return dir
	}
	return "/var/cache/chatlab"
}

// newImage describes the image of a system for this host.
func newImage(ctx context.Context, system profile.System) (*image, error) {
	im := &image{dir: cacheDir(), system: system, sources: aptSources(ctx, system.Suite), apt: aptSettings(ctx), certs: map[string][]byte{}}
	found, err := filepath.Glob("/usr/local/share/ca-certificates/*.crt")
	if err != nil {
		return nil, err
	}
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, errs.E(errs.Usage, "certificates of this host: %w", err)
		}
		im.certs[filepath.Base(path)] = text
	}
	return im, nil
}

// Image builds the base image of a profile's machines unless it is there, and
// returns its folder. Codes: usage, failed.
func Image(ctx context.Context, made profile.Profile, p lab.Progress) (string, error) {
	im, err := newImage(ctx, made.System)
	if err != nil {
		return "", err
	}
	return im.ensure(ctx, p)
}

// hash changes with all that makes the image. fmt prints maps sorted.
func (im *image) hash() string {
	sum := sha256.Sum256([]byte(fmt.Sprint(im.system, packages, customize, im.sources, im.apt, im.certs)))
	return hex.EncodeToString(sum[:6])
}

func (im *image) path() string { return filepath.Join(im.dir, "debian-"+im.system.Suite+"-"+im.hash()) }

// ensure builds the image unless it is there, and returns its folder. Labs
// that need it at the same time wait for the one that builds.
func (im *image) ensure(ctx context.Context, p lab.Progress) (string, error) {
	if _, err := os.Stat(im.path()); err == nil {
		return im.path(), nil
	}
	if err := os.MkdirAll(im.dir, 0o755); err != nil {
		return "", errs.E(errs.Usage, "image cache: %w", err)
	}
	done := p.Step("base image: Debian " + im.system.Suite + " (once, some minutes)")
	err := im.locked(ctx)
	done(err)
	return im.path(), err
}

func (im *image) locked(ctx context.Context) error {
	lock, err := wait.Available(ctx, pollEvery, func() (*files.Lock, error) { return files.TryLock(filepath.Join(im.dir, "lock")) })
	if err != nil {
		return errs.E(errs.Usage, "image cache: %w", err)
	}
	defer lock.Unlock()
	if _, err := os.Stat(im.path()); err == nil {
		return nil // another lab has built it meanwhile
	}
	// The programs that build inherit the lock: if this one is killed, the next
	// waits until they have ended too.
	if err := lock.Bequeath(); err != nil {
		return errs.E(errs.Usage, "image cache: %w", err)
	}
	// Of a build that was cut short. It ran in a mount namespace of its own, so
	// nothing is mounted in it.
	building := filepath.Join(im.dir, "building")
	if err := os.RemoveAll(building); err != nil {
		return errs.E(errs.Failed, "image cache: %w", err)
	}
	if err := im.build(ctx, building); err != nil {
		return err
	}
	if err := os.Rename(building, im.path()); err != nil {
		return errs.E(errs.Failed, "image cache: %w", err)
	}
	return nil
}

func (im *image) build(ctx context.Context, dir string) error {
	mirror := strings.Fields(im.sources)[1]
	alone := []string{"unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"}
	_, err := output(ctx, append(alone, "debootstrap", "--variant=minbase",
		"--include="+strings.Join(slices.Concat(packages, im.system.Packages), ","), im.system.Suite, dir, mirror)...)
	if err != nil && strings.Contains(err.Error(), "release file") {
		return errs.E(errs.Failed, "base image: %s has no Debian %s: %w", mirror, im.system.Suite, err).
			WithFix("name a mirror that has it in this machine's apt sources, `deb MIRROR %s main`, or take another --profile", im.system.Suite)
	}
	if err != nil {
		return errs.E(errs.Failed, "base image: %w", err).WithFix("its log: %s", filepath.Join(dir, "debootstrap", "debootstrap.log"))
	}
	files := map[string][]byte{
		"etc/apt/sources.list":           []byte(im.sources),
		"etc/apt/apt.conf.d/90this-host": []byte(im.apt),
	}
	for name, text := range im.certs {
		files["usr/local/share/ca-certificates/"+name] = text
	}
	if resolv, err := os.ReadFile("/etc/resolv.conf"); err == nil {
		files["etc/resolv.conf"] = resolv
	}
	if err := writeTree(dir, files); err != nil {
		return err
	}
	if _, err := feed(ctx, customize+im.system.Script, append(alone, "chroot", dir, "sh")...); err != nil {
		return errs.E(errs.Failed, "base image: %w", err)
	}
	return nil
}

// writeTree writes files below a folder, 0644, and makes their folders.
func writeTree(root string, files map[string][]byte) error {
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return errs.E(errs.Failed, "%w", err)
		}
		_ = os.Remove(path) // a link would lead out of the root
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return errs.E(errs.Failed, "%w", err)
		}
	}
	return nil
}
