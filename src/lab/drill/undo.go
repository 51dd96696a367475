package drill

import (
	"context"

	"chatlab/src/lab"
)

// Undo is one step that heals a fault. It is stored as JSON, and may be done when nothing
// is broken, too.
type Undo = undo

// Perform does one step that heals. Code failed.
func Perform(ctx context.Context, l *lab.Lab, step Undo) error { return step.perform(ctx, l) }

// Carriers returns the group whose nodes carry a service: authd for authd-logger, else the
// service's own.
func Carriers(service string) string { return carriers(service) }

// FillDisk takes all the space of a disk until the returned step is done.
func FillDisk(host lab.Host, disk lab.Disk) (fill func(context.Context) error, back Undo) {
	file := disk.Dir + "/" + fullName
	fill = func(ctx context.Context) error {
		_, err := host.Run(ctx, "sh", "-c", fillScript, "sh", disk.Dir, fullName)
		return err
	}
	return fill, undo{Node: host.Name(), Run: []string{"rm", "-f", file, file + ".end"}}
}
