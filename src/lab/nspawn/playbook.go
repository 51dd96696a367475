package nspawn

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/local"
)

// parts are the tags of site.yml in its order: where `--from` can begin.
var parts = []string{"base", "mongodb", "logd", "chatd", "healthd", "mariadb", "authd", "zabbix", "grafana"}

// slow is how long a task takes that gets a line of its own.
const slow = 5 * time.Second

// taskEvent is a line of the playbook's progress, as ansible/plugins/callback/
// chatlab.py prints it.
type taskEvent struct {
	Event   string   `json:"event"` // ok, failed, unreachable, stats
	Host    string   `json:"host"`
	Task    string   `json:"task"`
	Tags    []string `json:"tags"`
	Changed bool     `json:"changed"`
	Seconds float64  `json:"seconds"`
	Message string   `json:"message"`
	Detail  []string `json:"detail"`

	Stats map[string]Recap `json:"stats"`
}

// Recap is what a playbook did to one machine.
type Recap struct {
	OK          int `json:"ok"`
	Changed     int `json:"changed"`
	Failures    int `json:"failures"`
	Unreachable int `json:"unreachable"`
}

// Play runs a playbook of ansible/ on the machines. A task that takes time gets
// a line; one that failed is the error, with how to go on from there. Codes:
// usage, failed. More is for ansible-playbook itself.
func (t *Target) Play(ctx context.Context, playbook, from string, p lab.Progress, more ...string) error {
	args, err := t.playArgs(playbook, from)
	if err != nil {
		return err
	}
	args = append(args, more...)
	done := p.Step("playbook " + playbook)
	failed, recap, err := t.play(ctx, args, p)
	switch {
	case failed != nil:
		err = t.explain(playbook, failed)
	case err != nil && ctx.Err() == nil:
		err = errs.E(errs.Failed, "playbook %s: %w", playbook, err).WithFix("its log: %s", t.playLog())
	}
	done(err)
	if err == nil {
		for _, name := range t.machines.nodeNames() {
			if r, played := recap[name]; played {
				note(p, 0, fmt.Sprintf("%s: ok=%d changed=%d failed=%d", name, r.OK, r.Changed, r.Failures))
			}
		}
	}
	return err
}

func note(p lab.Progress, took time.Duration, what string) {
	if n, ok := p.(lab.Noter); ok {
		n.Note(took, what)
	}
}

func (t *Target) playLog() string { return filepath.Join(t.machines.run(), "ansible.log") }

func (t *Target) playArgs(playbook, from string) ([]string, error) {
	access := t.machines.Access()
	made, err := t.machines.system()
	if err != nil {
		return nil, err
	}
	args := []string{
		"ansible-playbook", "-i", t.cfg.Inventory.Path, filepath.Join(t.cfg.Project, "ansible", playbook),
		"-u", access.User, "--private-key", access.Key, "--ssh-common-args", "-o StrictHostKeyChecking=yes -o UserKnownHostsFile=" + access.KnownHosts,
		"-e", "lab_state=" + t.machines.state, "-e", "mongodb_embedded=true",
		"-e", "chatlab_packages_dir=" + filepath.Join(t.cfg.Project, "dist"), "-e", "chatlab_profile=" + made.Name,
	}
	if t.cfg.Inventory.Var("grafana_package_file") == "" || t.cfg.Inventory.Var("grafana_plugin_zip") == "" {
		args = append(args, "-e", "grafana_absent=true") // no package server of the distribution has it
	}
	if from != "" {
		i := slices.Index(parts, from)
		if i < 0 {
			return nil, errs.E(errs.Usage, "the playbook has no part %q", from).WithFix("--from one of %s", strings.Join(parts, ", "))
		}
		args = append(args, "--tags", strings.Join(parts[i:], ","))
	}
	return args, nil
}

// play runs the playbook and returns the first task that failed.
func (t *Target) play(ctx context.Context, args []string, p lab.Progress) (failed *taskEvent, recap map[string]Recap, err error) {
	log, err := os.OpenFile(t.playLog(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = log.Close() }()
	sockets, err := os.MkdirTemp("/run", "chatlab-ssh-"+t.machines.id+"-") // a socket's path must be short
	if err != nil {
		return nil, nil, err
	}
	defer hangUp(sockets)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Dir = t.cfg.Project
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "ANSIBLE_CONFIG="+filepath.Join(t.cfg.Project, "ansible", "ansible.cfg"),
		"ANSIBLE_CALLBACK_PLUGINS="+filepath.Join(t.cfg.Project, "ansible", "plugins", "callback"), "ANSIBLE_STDOUT_CALLBACK=chatlab",
		"ANSIBLE_SSH_CONTROL_PATH_DIR="+sockets, "ANSIBLE_NOCOLOR=1", "ANSIBLE_FORCE_COLOR=0")
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	failed, recap = follow(io.TeeReader(out, log), p)
	if err = cmd.Wait(); err != nil && failed == nil {
		if line := lastLine(t.playLog()); line != "" {
			err = fmt.Errorf("%s (%w)", line, err)
		}
	}
	if ctx.Err() != nil {
		return nil, recap, ctx.Err()
	}
	return failed, recap, err
}

// hangUp ends the connections that Ansible keeps for its next run.
func hangUp(dir string) {
	sockets, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, s := range sockets {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, _ = output(ctx, "ssh", "-o", "ControlPath="+s, "-O", "exit", "lab") // one that is gone already is well
		cancel()
	}
	_ = os.RemoveAll(dir)
}

// follow reads a playbook's progress to its end.
func follow(from io.Reader, p lab.Progress) (failed *taskEvent, recap map[string]Recap) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e taskEvent
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue // a warning of Ansible's; it is in the log
		}
		took := time.Duration(e.Seconds * float64(time.Second))
		switch {
		case e.Event == "stats":
			recap = e.Stats
		case e.Event == "ok" && took >= slow:
			note(p, took, e.Host+": "+e.Task)
		case (e.Event == "failed" || e.Event == "unreachable") && failed == nil:
			failed = &e
		}
	}
	_, _ = io.Copy(io.Discard, from) // after a line too long, the playbook must not wait
	return failed, recap
}

// explain makes the error of a task that failed.
func (t *Target) explain(playbook string, e *taskEvent) error {
	err := errs.E(errs.Failed, "%s: %s: %s", e.Host, e.Task, e.Message)
	if e.Event == "unreachable" {
		err = errs.E(errs.Failed, "%s cannot be reached: %s", e.Host, e.Message)
	}
	if playbook == "site.yml" {
		for _, tag := range e.Tags {
			if slices.Contains(parts, tag) {
				err = err.WithFix("mend it; then `lab up --target nspawn --from %s` goes on from there", tag)
				break
			}
		}
	}
	return &local.StartError{Step: "playbook " + playbook, Log: t.playLog(), Tail: e.Detail, Err: err}
}
