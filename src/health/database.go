package health

import (
	"context"
	"encoding/json"
	"strconv"

	"chatlab/src/errs"
)

// Pinger is a database: Ping asks it for a sign of life.
type Pinger interface {
	Ping(ctx context.Context) error
}

// ping is 1 when a database answers healthd's user, else 0.
func ping(name string, db Pinger) func(context.Context, []string) (string, error) {
	return func(ctx context.Context, params []string) (string, error) {
		switch {
		case noParams(params) != nil:
			return "", noParams(params)
		case db == nil:
			return "", errs.E(errs.Failed, "No %s is configured.", name)
		case db.Ping(ctx) != nil:
			return "0", nil
		}
		return "1", nil
	}
}

// pingMongoDB asks the log database, or the log servers where only they may ask it.
func pingMongoDB(cfg Config) func(context.Context, []string) (string, error) {
	if cfg.ByLogd {
		return pingByLogd(cfg.Services.LogdOps)
	}
	return ping("mongodb", cfg.MongoDB)
}

// pingByLogd is 1 when a log server says on its ops listener that it stores events, 0
// when those that answer do not.
func pingByLogd(ops []string) func(context.Context, []string) (string, error) {
	return func(ctx context.Context, params []string) (string, error) {
		if err := noParams(params); err != nil {
			return "", err
		}
		answered := false
		for _, addr := range ops {
			err := probeReady(ctx, addr)
			if err == nil {
				return "1", nil
			}
			answered = answered || errs.Is(err, errs.Failed) // a status, not a connection's error
		}
		if !answered {
			return "", errs.E(errs.Failed, "No log server answers, and nobody else may ask the log database.")
		}
		return "0", nil
	}
}

// ClusterMember is a database server that is one of a Galera cluster.
type ClusterMember interface {
	// Wsrep returns the server's status variables of the cluster, by their names.
	Wsrep(ctx context.Context) (map[string]string, error)
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

// galera is what this machine's MariaDB says of its cluster, as numbers in a JSON object,
// for items that take them from it. One that does not answer is 0 in all but "expected":
// then its own check says that it is down.
func galera(db ClusterMember, members int) func(context.Context, []string) (string, error) {
	return func(ctx context.Context, params []string) (string, error) {
		switch {
		case noParams(params) != nil:
			return "", noParams(params)
		case db == nil:
			return "", errs.E(errs.Failed, "No cluster of mariadb is configured.")
		}
		value := wsrep{Expected: members}
		if status, err := db.Wsrep(ctx); err == nil {
			value.fill(status)
		}
		text, err := json.Marshal(value)
		return string(text), err
	}
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
