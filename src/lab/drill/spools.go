package drill

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/wait"
)

// smallSpool is what a spool may hold in the drill, in bytes.
const smallSpool = 1 << 20

// spoolFull makes the chat's and the auth server's spools small and takes logd
// away, so that they fill.
func spoolFull(ctx context.Context, r *run) error {
	r.crew.padding.Store(slowPadding) // long lines fill a spool in seconds
	defer r.crew.padding.Store(0)
	var steps []undo
	for _, p := range r.places(authLogger, chatLogger) {
		steps = append(steps, undo{Node: p.node, Service: p.service, Restore: true})
	}
	logds := r.places(inventory.Logd)
	for _, p := range logds {
		steps = append(steps, undo{Node: p.node, Service: p.service, Action: lab.Start})
	}
	full := false
	err := r.strike(ctx, fault{name: "small spools, and no logd", undos: steps, make: func(asked context.Context) error {
		// However short the drill is to be: on machines this takes a while.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(asked), time.Minute)
		defer cancel()
		for _, p := range r.places(authLogger, chatLogger) {
			if err := r.override(ctx, p, map[string]any{"spool.max_bytes": smallSpool}); err != nil {
				return err
			}
		}
		for _, p := range logds {
			if err := r.do(ctx, p, lab.Stop); err != nil {
				return err
			}
		}
		full = r.untilFull(asked)
		return nil
	}})
	r.expect = append(r.expect, func(context.Context) error {
		if !full {
			return errors.New("no spool was ever full")
		}
		return nil
	})
	return err
}

// fillLimit is how long a spool has to be full once nothing is relayed.
const fillLimit = 15 * time.Second

// untilFull holds the fault to the drill's end, and on until a spool is full,
// and tells whether one was.
func (r *run) untilFull(ctx context.Context) (full bool) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	late := time.Now().Add(fillLimit)
	for {
		full = full || r.total("chatd", "chatd_logger", "chatlab_logger_spool_full") > 0
		over := ctx.Err() != nil && (full || time.Now().After(late))
		if over || errors.Is(ctx.Err(), context.Canceled) {
			return full
		}
		<-tick.C
	}
}

func (r *run) do(ctx context.Context, p place, a lab.Action) error {
	ctx, cancel := begun(ctx)
	defer cancel()
	host, err := r.lab.Target.Host(p.node)
	if err != nil {
		return err
	}
	return host.Do(ctx, p.service, a)
}

func (r *run) override(ctx context.Context, p place, settings map[string]any) error {
	ctx, cancel := begun(ctx)
	defer cancel()
	host, err := r.tunable(p.node)
	if err != nil {
		return err
	}
	return host.Override(ctx, p.service, settings)
}

func (r *run) tunable(node string) (lab.Tunable, error) {
	host, err := r.lab.Target.Host(node)
	if err != nil {
		return nil, err
	}
	tunable, ok := host.(lab.Tunable)
	if !ok {
		return nil, errs.E(errs.Failed, "target %s cannot change a service's settings", r.lab.Target.Name())
	}
	return tunable, nil
}

// tornSpool stops the relay so that the chat's spool holds a backlog, ends the
// logger with its parent, and damages the spool: garbage after its last
// record, and one record in its middle. That record's line is a sacrifice, said
// for this; every other must arrive, and the damage must be reported by name
// and number.
func tornSpool(ctx context.Context, r *run) error {
	chatd := r.places(inventory.Chatd)[0]
	var steps []undo
	for _, p := range append(r.places(inventory.Logd), chatd) {
		steps = append(steps, undo{Node: p.node, Service: p.service, Action: lab.Start})
	}
	victim := r.id + " is a sacrifice"
	var hurt damage
	err := r.strike(ctx, fault{name: "a torn and damaged spool", undos: steps, make: func(ctx context.Context) error {
		for _, p := range r.places(inventory.Logd) {
			if err := r.do(ctx, p, lab.Stop); err != nil {
				return err
			}
		}
		wait.Sleep(ctx, remaining(ctx)/3)
		if err := r.sacrifice(ctx, victim); err != nil {
			return err
		}
		wait.Sleep(ctx, remaining(ctx)/3)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		if err := r.do(ctx, chatd, lab.Stop); err != nil {
			return err
		}
		var err error
		hurt, err = r.hurt(ctx, chatd.node, victim)
		return err
	}})
	r.expect = append(r.expect, func(ctx context.Context) error { return r.reported(ctx, chatd.node, hurt) })
	return err
}

// sacrifice says a line that is not accounted for and waits for its receipt.
func (r *run) sacrifice(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	r.ledger.excuse(text)
	_, err := r.crew.chats[0].chat.Send(ctx, text)
	return err
}

// damage is where a spool was hurt.
type damage struct {
	dir, file string
	victim    string
}

// hurt damages the spool of the chat's logger with the machine's own tools.
func (r *run) hurt(ctx context.Context, node, victim string) (damage, error) {
	host, err := r.tunable(node)
	if err != nil {
		return damage{}, err
	}
	dir, err := host.Dir(chatLogger)
	if err != nil {
		return damage{}, err
	}
	found, err := host.Run(ctx, "grep", "-abor", "--include=*.spool", "--", victim, dir)
	if err != nil {
		return damage{}, fmt.Errorf("the sacrificed record is not in %s: %w", dir, err)
	}
	file, rest, _ := strings.Cut(strings.TrimSpace(found), ":")
	number, _, _ := strings.Cut(rest, ":")
	offset, err := strconv.Atoi(number)
	if err != nil {
		return damage{}, fmt.Errorf("grep printed %q", found)
	}
	script := `printf '!' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none &&
last=$(ls "$3"/*.spool | tail -n 1) && printf '\100\000\000\000half a record and garbage' >>"$last"`
	_, err = host.Run(ctx, "sh", "-c", script, "sh", file, strconv.Itoa(offset), dir)
	return damage{dir: dir, file: file, victim: victim}, err
}

// reported makes sure that both damages were named and kept.
func (r *run) reported(ctx context.Context, node string, d damage) error {
	host, err := r.lab.Target.Host(node)
	if err != nil {
		return err
	}
	text, err := host.Run(ctx, "cat", d.dir+"/damaged")
	if err != nil {
		return fmt.Errorf("the logger kept no damaged bytes: %w", err)
	}
	name := d.file[strings.LastIndexByte(d.file, '/')+1:]
	kept := "!" + d.victim[1:]
	for _, want := range []string{name + " record ", kept, "half a record and garbage"} {
		if !strings.Contains(text, want) {
			return fmt.Errorf("the logger's report of damage does not have %q", want)
		}
	}
	return nil
}
