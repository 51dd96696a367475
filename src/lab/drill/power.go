package drill

import (
	"context"
	"fmt"
	"path"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/wait"
)

// diskless says why the disk of a lab's hosts does not serve a drill, or "".
func (d Drill) diskless(l *lab.Lab, host lab.Host) string {
	if !d.loses && !d.fills {
		return ""
	}
	lossy, ok := host.(lab.Lossy)
	if !ok {
		return "target " + l.Target.Name() + " cannot cut a machine's power, nor fill its disk"
	}
	disk, err := lossy.Disk()
	switch {
	case err != nil && errs.FixOf(err) != "":
		return err.Error() + ": " + errs.FixOf(err)
	case err != nil:
		return err.Error()
	case d.fills && !disk.Own:
		return "target " + l.Target.Name() + " keeps the services' data on the disk of the machine's system, which must not be full"
	}
	return ""
}

// powerCut cuts the power of each machine in turn, then of all at once, and boots
// them. Whatever has not reached a disk is lost.
func powerCut(asked context.Context, r *run) error {
	r.unserved = true // while all are off
	nodes := r.lab.Inventory.Nodes
	share := remaining(asked) / time.Duration(len(nodes)+1)
	ctx, cancel := r.outlasting(remaining(asked) + time.Duration(len(nodes)+1)*2*powerOnLimit)
	defer cancel()
	dark := min(longestDark, share/2)
	for _, n := range nodes {
		wait.Sleep(ctx, share-dark) // lines are said, of which some are not written yet
		if err := r.cutPower(ctx, n.Name+" loses its power", dark, patient, n); err != nil {
			return err
		}
	}
	wait.Sleep(ctx, share-dark)
	return r.cutPower(ctx, "all machines lose their power", dark, quorumGrace, nodes...)
}

// cutPower cuts the power of machines, and proves that their unwritten data is gone.
func (r *run) cutPower(ctx context.Context, name string, hold, grace time.Duration, nodes ...inventory.Node) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f := r.dark(name, hold, grace, nodes...)
	f.make = r.marking(f.make, nodes...)
	if err := r.strike(ctx, f); err != nil {
		return err
	}
	return r.unmarked(ctx, nodes...)
}

// markName is a file that is written without a flush just before a power cut.
const markName = "written-just-before-the-power-cut"

// marking writes a mark on the disk of each machine before it does something to them.
func (r *run) marking(do func(context.Context) error, nodes ...inventory.Node) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, n := range nodes {
			if _, err := r.onMark(ctx, n, `printf %s "$2" >"$1"`); err != nil {
				return fmt.Errorf("%s: the mark of the power cut: %w", n.Name, err)
			}
		}
		return do(ctx)
	}
}

// unmarked makes sure that the marks are lost: a drill whose cut loses nothing proves
// nothing.
func (r *run) unmarked(ctx context.Context, nodes ...inventory.Node) error {
	ctx, cancel := begun(ctx)
	defer cancel()
	for _, n := range nodes {
		text, err := r.onMark(ctx, n, `[ ! -e "$1" ] || cat "$1" && rm -f "$1"`)
		if err != nil {
			return fmt.Errorf("%s: the mark of the power cut: %w", n.Name, err)
		}
		if text == r.id {
			r.report.Broken = append(r.report.Broken, fmt.Sprintf("the power cut of %s lost nothing: a file that was not flushed is still there", n.Name))
		}
	}
	return nil
}

// onMark runs a script with the path of a machine's mark and its text.
func (r *run) onMark(ctx context.Context, n inventory.Node, script string) (string, error) {
	host, err := r.lab.Target.Host(n.Name)
	if err != nil {
		return "", err
	}
	lossy, ok := host.(lab.Lossy)
	if !ok {
		return "", errs.E(errs.Failed, "%s has no disk that loses anything", n.Name)
	}
	disk, err := lossy.Disk()
	if err != nil {
		return "", err
	}
	return host.Run(ctx, "sh", "-c", script, "sh", path.Join(disk.Dir, markName), r.id)
}
