package health

import (
	"context"
	"encoding/json"
	"strconv"

	"chatlab/src/errs"
)

// ClusterMember is a database server that is one of a Galera cluster.
type ClusterMember interface {
	// Wsrep returns the server's status variables of the cluster, by their names.
	Wsrep(ctx context.Context) (map[string]string, error)
}

// Galera is chatlab.galera: what this machine's MariaDB says of its cluster, as
// numbers in a JSON object, for items that take them from it. One that does not
// answer is 0 in all but "expected": then its own check says that it is down.
type Galera struct {
	db      ClusterMember // nil: no cluster
	members int
}

// NewGalera makes the check of a cluster that should have so many members; db may
// be nil.
func NewGalera(db ClusterMember, members int) *Galera { return &Galera{db, members} }

// Key implements [Check].
func (*Galera) Key() string { return "chatlab.galera" }

// About implements [Check].
func (*Galera) About() string {
	return "what mariadb says of its Galera cluster: members, quorum, state, queue (JSON)"
}

// wsrep is the value.
type wsrep struct {
	Answers  int    `json:"answers"`
	Expected int    `json:"expected"`
	Size     uint64 `json:"size"`      // members that reach each other, this one too
	Primary  int    `json:"primary"`   // 1: they are the larger part of the cluster
	First    int    `json:"first"`     // 1 on one of these members, which speaks for all
	Ready    int    `json:"ready"`     // 1: it takes queries
	State    uint64 `json:"state"`     // wsrep_local_state: 4 is Synced
	Queue    uint64 `json:"queue"`     // changes of the others that it has not made yet
	PausedNS uint64 `json:"paused_ns"` // that it has waited for slower members
}

// Run implements [Check].
func (g *Galera) Run(ctx context.Context, params []string) (string, error) {
	if err := noParams(params); err != nil {
		return "", err
	}
	if g.db == nil {
		return "", errs.E(errs.Failed, "No cluster of mariadb is configured.")
	}
	value := wsrep{Expected: g.members}
	if status, err := g.db.Wsrep(ctx); err == nil {
		value.fill(status)
	}
	text, err := json.Marshal(value)
	return string(text), err
}

func (w *wsrep) fill(status map[string]string) {
	number := func(name string) uint64 {
		n, _ := strconv.ParseUint(status[name], 10, 64) // a server that has no cluster has not all
		return n
	}
	w.Answers = 1
	w.Size, w.State = number("wsrep_cluster_size"), number("wsrep_local_state")
	w.Queue, w.PausedNS = number("wsrep_local_recv_queue"), number("wsrep_flow_control_paused_ns")
	if status["wsrep_ready"] == "ON" {
		w.Ready = 1
	}
	if status["wsrep_cluster_status"] == "Primary" {
		w.Primary = 1
		if status["wsrep_local_index"] == "0" {
			w.First = 1
		}
	}
}
