package natslog

import (
	"bufio"
	"bytes"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"chatlab/src/errs"
	"chatlab/src/files"
)

// peer is a member of a cluster as all of them know it.
type peer struct {
	name    string // its [Options.Node]
	address string // host:port of its routes listener
}

// peers are the members that a file names, as it says now: a member that comes or
// goes is no reason to restart the others.
type peers struct {
	file          files.Followed
	node          string // this one's name
	named         atomic.Pointer[[]peer]
	last          atomic.Pointer[[]peer] // the last list of more than one: a log that moves to one needs the others
	absent, wrong atomic.Bool            // why the file cannot be used now
	kept          string                 // the file that keeps last over a restart; empty: none does
}

// recall makes the last list of several known that a member kept: its log may be moving
// to it alone.
func (p *peers) recall(kept string, member bool) {
	p.kept = kept
	if text, err := os.ReadFile(kept); err == nil && member {
		if last, err := parsePeers(text); err == nil {
			p.last.Store(&last)
		}
	}
}

// read reads the file if it has changed since the last time, and tells whether it
// had. What cannot be used changes nothing. Fails with code usage, once for each
// version of the file, and once when the file goes.
func (p *peers) read() (changed bool, err error) {
	text, changed, err := p.file.Read()
	if told := p.absent.Swap(err != nil); err != nil && told {
		return false, nil
	}
	if err != nil {
		return false, errs.E(errs.Usage, "cluster.peers_file: %w", err).
			WithFix("name a file that chatd can read and that has each chatd's name and address, one a line")
	}
	if !changed {
		return false, nil
	}
	named, err := parsePeers(text)
	if err == nil {
		err = p.check(named)
	}
	p.wrong.Store(err != nil)
	if err != nil {
		return false, errs.E(errs.Usage, "cluster.peers_file %s: %w", p.file.Path, err).WithFix("%s", errs.FixOf(err))
	}
	if len(named) > 1 && p.kept != "" {
		if err := files.Update(p.kept, text, 0o640); err != nil {
			return false, errs.E(errs.Usage, "chat log: %w", err).WithFix("set data_dir to a folder that chatd may write")
		}
	}
	p.named.Store(&named)
	if len(named) > 1 {
		p.last.Store(&named)
	}
	return true, nil
}

func (p *peers) check(named []peer) error {
	switch {
	case !slices.ContainsFunc(named, func(m peer) bool { return m.name == p.node }):
		return errs.E(errs.Usage, "it does not name this server, %s", p.node).WithFix("add its name and address")
	case len(named) == 1 && p.last.Load() == nil:
		return errs.E(errs.Usage, "it names no other member").
			WithFix("name all members, or leave cluster.listen empty")
	case len(named) == 2:
		return errs.E(errs.Usage, "two members are no cluster: when one is away the other cannot tell whether it is alone").
			WithFix("name three members or more, or leave cluster.listen empty")
	}
	return nil
}

// parsePeers reads a name and an address a line; empty lines and those that begin
// with # are left out.
func parsePeers(text []byte) ([]peer, error) {
	var out []peer
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || fields[0][0] == '#' {
			continue
		}
		if len(fields) != 2 {
			return nil, errs.E(errs.Usage, "line %d is not a name and an address", n).WithFix("write it as `chat1 10.0.0.1:6222`")
		}
		m := peer{name: fields[0], address: fields[1]}
		if _, _, err := address(m.address); err != nil {
			return nil, errs.E(errs.Usage, "line %d: %w", n, err).WithFix("write it as `chat1 10.0.0.1:6222`")
		}
		if slices.ContainsFunc(out, func(o peer) bool { return o.name == m.name || o.address == m.address }) {
			return nil, errs.E(errs.Usage, "line %d: %s or %s is named twice", n, m.name, m.address).WithFix("remove one")
		}
		out = append(out, m)
	}
	if err := lines.Err(); err != nil {
		return nil, errs.E(errs.Usage, "%w", err)
	}
	return out, nil
}

// bad tells whether the file cannot be used now, and the names read before are in force.
func (p *peers) bad() bool { return p.absent.Load() || p.wrong.Load() }

func (p *peers) all() []peer { return *p.named.Load() }

func (p *peers) names(name string) bool {
	return slices.ContainsFunc(p.all(), func(m peer) bool { return m.name == name })
}

// linked returns the members that may be connected: those that are named, and while the
// log moves to one, those that were.
func (p *peers) linked() []peer { return *p.last.Load() }

func (p *peers) admits(name string) bool {
	return slices.ContainsFunc(p.linked(), func(m peer) bool { return m.name == name })
}
