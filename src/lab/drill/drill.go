// Package drill breaks a running lab on purpose, under load, heals it, and says
// whether anything was lost.
//
// A drill signs users up, lets them chat and sign in, and meanwhile injects one
// fault after the other through [lab.Host]. After each heal it measures how long
// it takes until a user is served again. At the end comes the account. Each line
// names its speaker and a number, so every one can be held against its original:
// in the chat log at every server, in the event log, and on every reader's screen.
// Each user whose sign-up was acknowledged signs in once more.
//
// What undoes a fault is written to a journal before the fault is made, so that
// a drill that was itself killed can be healed by the next command.
package drill

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/lab/watch"
	"chatlab/src/zabbix"
)

// Options say how hard and how long.
type Options struct {
	For       time.Duration // how long faults are made
	Users     int           // who chat
	Rooms     int           // that they are in, each reading one room; 0: a room for each 32
	Rate      int           // lines a second, all users together
	SignEvery time.Duration // time between two sign-ins, whoever's; 0: 500 ms
	Seed      uint64        // of the random mix: the same seed, the same faults
	Recovery  time.Duration // longest time from a heal to a served user
	State     string        // folder for the journal
	Progress  func(line string)
	Alarms    Alarms       // nil: nobody watches
	Marks     *watch.Marks // nil: no dashboard shows the drill
}

// Drill is one way to break a lab.
type Drill struct {
	Name  string
	About string

	needs  []string              // services that the lab must have
	lacks  func(*lab.Lab) string // may be nil: what else the lab lacks for it
	tunes  bool                  // it changes settings: hosts must be lab.Tunable
	cables bool                  // it cuts cables: lab.Networked
	power  bool                  // it cuts the power: lab.Powered
	loses  bool                  // the power cut loses unwritten data: lab.Lossy
	fills  bool                  // it fills the disk of the services' data: lab.Lossy too
	pins   bool                  // some of its users know one server only
	plan   bool                  // it stops services in good order
	stops  bool                  // an interruption is its usual end
	act    func(ctx context.Context, r *run) error
	alarms func(*lab.Lab) expected // nil: it must raise none
}

// Skipped tells why a lab cannot do a drill, or "".
func (d Drill) Skipped(l *lab.Lab) string {
	for _, service := range d.needs {
		if len(l.Inventory.Members(service)) == 0 {
			return "the lab has no " + service
		}
	}
	if d.lacks != nil {
		if why := d.lacks(l); why != "" {
			return why
		}
	}
	host, err := l.Target.Host(l.Inventory.Nodes[0].Name)
	if err != nil {
		return "" // the drill itself will say why
	}
	if why := d.diskless(l, host); why != "" {
		return why
	}
	_, tunable := host.(lab.Tunable)
	_, networked := host.(lab.Networked)
	_, powered := host.(lab.Powered)
	for _, need := range []struct {
		lacks bool
		what  string
	}{
		{d.tunes && !tunable, "change a service's settings"},
		{d.cables && !networked, "cut a cable"},
		{d.power && !powered, "cut a machine's power"},
	} {
		if need.lacks {
			return "target " + l.Target.Name() + " cannot " + need.what
		}
	}
	return ""
}

// Catalogue returns every drill, the random mix last.
func Catalogue() []Drill {
	drills := []Drill{
		kills("kill-logger", "kill -9 of both loggers, every second", authLogger, chatLogger),
		kills("kill-logd", "kill -9 of logd, every second", inventory.Logd).raising(inventory.Logd, "logd"+zabbix.StartedAgain),
		kills("kill-authd", "kill -9 of authd, every second", inventory.Authd).raising(inventory.Authd, "authd"+zabbix.StartedAgain),
		kills("kill-chatd", "kill -9 of chatd, every second", inventory.Chatd).raising(inventory.Chatd, "chatd"+zabbix.StartedAgain),
		outage("stop-mongodb", "the log database is away", inventory.MongoDB, storeless(inventory.Logd, "MongoDB is down")),
		outage("stop-mariadb", "the user database is away", inventory.MariaDB, storeless(inventory.Authd, "MariaDB is down")),
		{Name: "freeze", About: "each daemon in turn stops answering (SIGSTOP)", act: freezeAll},
		{Name: "spool-full", About: "the spools are full: logd is away and they hold little", tunes: true, act: spoolFull},
		{Name: "disk-full", About: "the disk of each node in turn is full", fills: true, act: diskFull, alarms: blackout},
		{Name: "out-of-files", About: "idle connections take all descriptors of each server of the users", act: outOfFiles, alarms: blackout},
		{Name: "slow-reader", About: "clients that stop reading", act: slowReaders},
		{Name: "flood", About: "clients far beyond their rate", act: flood},
		{Name: "torn-spool", About: "half a record and garbage at the end of a spool, a damaged record in its middle", tunes: true, act: tornSpool},
		{Name: "rotate-keys", About: "a new token key first, the old one removed later", act: rotateKeys},
		{Name: "partition", About: "each node in turn is cut from the private network", cables: true, act: partition, alarms: cut},
		{Name: "split-network", About: "each node in turn is split from the others, with users who know only one side", cables: true, pins: true, lacks: quorate, act: splitNetwork},
		{Name: "packet-loss", About: fmt.Sprintf("%d %% of the packets are lost on the private network", lossPercent), cables: true, act: packetLoss},
		{Name: "power-off", About: "each machine in turn is killed and booted", power: true, act: powerOff, alarms: darkness},
		{Name: "power-cut", About: "each machine in turn, then all at once, lose every write that is not on the disk", power: true, loses: true, act: powerCut, alarms: blackout},
		{Name: "crash-and-power", About: "the chat log's leader is killed, its followers too or without power; they come back first", power: true, loses: true, lacks: clustered, act: crashAndPower, alarms: blackout},
		{Name: "lost-disk", About: "each member of the chat log in turn finds its folder empty", tunes: true, lacks: clustered, act: lostDisk, alarms: blackout},
		{Name: "old-copy", About: "a member of the chat log comes back with an old copy of its folder", tunes: true, lacks: clustered, act: oldCopy, alarms: blackout},
		{Name: "pause-leader", About: "the leader of the chat log stops answering (SIGSTOP)", lacks: clustered, act: pauseLeader, alarms: blackout},
		{Name: "lost-quorum", About: "the larger part of the machines is killed, then all", power: true, lacks: quorate, act: lostQuorum, alarms: blackout},
		{Name: "restart-all", About: "every service is restarted, one after the other", plan: true, act: restartAll},
	}
	return append(drills, Drill{Name: "all", About: "a random mix of faults from the seed", act: mix})
}

// Find returns the drills of those names, in the catalogue's order; no name
// means all but the mix. There is one more, which breaks nothing. Fails with code
// usage, and the list.
func Find(names []string) ([]Drill, error) {
	var out []Drill
	all := append(Catalogue(), none())
	for _, name := range names {
		if !slices.ContainsFunc(all, func(d Drill) bool { return d.Name == name }) {
			var known []string
			for _, d := range all {
				known = append(known, d.Name)
			}
			err := errs.E(errs.Usage, "no drill %q", name)
			if near := errs.Nearest(name, known); near != "" {
				err = errs.E(errs.Usage, "no drill %q; did you mean %s?", name, near)
			}
			return nil, err.WithFix("there are %s", strings.Join(known, ", "))
		}
	}
	for _, d := range all {
		if slices.Contains(names, d.Name) || (len(names) == 0 && d.Name != "all" && d.Name != "none") {
			out = append(out, d)
		}
	}
	return out, nil
}
