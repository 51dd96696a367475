package incident

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/drill"
	"chatlab/src/lab/incident/scenario"
	"chatlab/src/lab/pki"
	"chatlab/src/token"
)

// put writes a file that the owner of a folder may read.
const put = `umask 077 && printf %s "$1" > "$2" && chown --reference="$3" "$2"`

// dir is the folder of the data of the daemon that a fault is about, a logger's parent.
func (p place) dir() (string, error) {
	tunable, ok := p.host.(lab.Tunable)
	if !ok {
		return "", errs.E(errs.Usage, "target %s cannot change a service's settings", p.lab.Target.Name())
	}
	return tunable.Dir(drill.Carriers(p.fault.Service))
}

// withFiles is a fault by settings that name other files, which are written beside the
// data of the service.
func (p place) withFiles(settings map[string]any, content map[string][]byte) (breakage, error) {
	dir, err := p.dir()
	if err != nil {
		return breakage{}, err
	}
	remove := []string{"rm", "-f"}
	for name := range content {
		remove = append(remove, path.Join(dir, name))
	}
	for key, name := range settings {
		settings[key] = path.Join(dir, name.(string))
	}
	b := p.override(settings, drill.Undo{Node: p.node.Name, Run: remove})
	change := b.make
	b.make = func(ctx context.Context) error {
		for name, text := range content {
			if _, err := p.host.Run(ctx, "sh", "-c", put, "sh", string(text), path.Join(dir, name), dir); err != nil {
				return err
			}
		}
		return change(ctx)
	}
	return b, nil
}

func otherKey(_ context.Context, p place) (breakage, error) {
	return p.withFiles(map[string]any{"token.key_file": "token.key"}, map[string][]byte{"token.key": []byte(token.NewKeyLine())})
}

// expired gives a service a certificate of the lab CA whose time is over.
func expired(_ context.Context, p place) (breakage, error) {
	folder, name, err := p.certificate()
	if err != nil {
		return breakage{}, err
	}
	end := time.Now().AddDate(0, 0, -p.fault.Days)
	cert, key, err := pki.Reissue(folder, name, end.AddDate(-1, 0, 0), end)
	if err != nil {
		return breakage{}, err
	}
	return p.withFiles(map[string]any{"tls.cert": "renewed.pem", "tls.key": "renewed.key"},
		map[string][]byte{"renewed.pem": cert, "renewed.key": key})
}

// certificate returns the folder and the name of a service's certificate.
func (p place) certificate() (folder, name string, err error) {
	ca, err := p.lab.Target.Secret("ca.key")
	if err != nil {
		return "", "", err
	}
	name = pki.Name(p.node, p.fault.Service)
	_, err = p.lab.Target.Secret(name + ".pem")
	return filepath.Dir(ca), name, err
}

// permissions gives the folder of a service's data another mode.
func permissions(ctx context.Context, p place) (breakage, error) {
	tunable, ok := p.host.(lab.Tunable)
	if !ok {
		return breakage{}, errs.E(errs.Usage, "target %s does not say where a service's data is", p.lab.Target.Name())
	}
	dir, err := tunable.Dir(p.fault.Service)
	if err != nil {
		return breakage{}, err
	}
	mode, err := p.host.Run(ctx, "stat", "-c", "%a", dir)
	if err != nil {
		return breakage{}, err
	}
	back := drill.Undo{Node: p.node.Name, Run: []string{"chmod", strings.TrimSpace(mode), dir}}
	return breakage{[]drill.Undo{back}, func(ctx context.Context) error {
		_, err := p.host.Run(ctx, "chmod", p.fault.Mode, dir)
		return err
	}}, nil
}

func diskFull(_ context.Context, p place) (breakage, error) {
	lossy, ok := p.host.(lab.Lossy)
	if !ok {
		return breakage{}, errs.E(errs.Usage, "target %s cannot fill a disk", p.lab.Target.Name())
	}
	disk, err := lossy.Disk()
	if err != nil {
		return breakage{}, err
	}
	fill, back := drill.FillDisk(p.host, disk)
	return breakage{[]drill.Undo{back}, fill}, nil
}

// lacks tells, for kinds of faults that not every lab can have, why a place cannot.
var lacks = map[string]func(place) string{
	scenario.Setting: untunable, scenario.WrongPort: untunable, scenario.Key: untunable,
	scenario.Certificate: func(p place) string {
		if _, _, err := p.certificate(); err != nil {
			return "the key of the lab CA is not here"
		}
		return untunable(p)
	},
	scenario.Permissions: func(p place) string {
		if p.lab.Target.Name() == "local" && os.Getuid() == 0 {
			return "its services run as root, who may read and write everything"
		}
		return untunable(p)
	},
	scenario.DiskFull: func(p place) string {
		lossy, ok := p.host.(lab.Lossy)
		if !ok {
			return "its nodes have no disks of their own (`lab up --power`, as root)"
		}
		if disk, err := lossy.Disk(); err != nil || !disk.Own {
			return "its nodes have no disks of their own (`lab up --power`, as root)"
		}
		return ""
	},
	scenario.Cable: unconnected, scenario.Loss: unconnected,
	scenario.Delay: noMachine, scenario.Bandwidth: noMachine, scenario.Block: noMachine, scenario.Database: noMachine,
	scenario.Clock: func(p place) string {
		if name := p.lab.Target.Name(); name == "local" || name == "nspawn" {
			return "the nodes of target " + name + " share this machine's clock"
		}
		return ""
	},
}

func untunable(p place) string {
	if _, ok := p.host.(lab.Tunable); !ok {
		return "target " + p.lab.Target.Name() + " cannot change a service's settings"
	}
	return ""
}

func unconnected(p place) string {
	if _, ok := p.host.(lab.Networked); !ok {
		return "target " + p.lab.Target.Name() + " cannot cut a cable"
	}
	return ""
}

func noMachine(p place) string {
	if _, ok := p.lab.Target.(lab.Machined); !ok {
		return "the nodes of target " + p.lab.Target.Name() + " are no machines of their own"
	}
	return ""
}
