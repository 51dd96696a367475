package check

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"chatlab/src/lab/inventory"
	"chatlab/src/metrics"
	"chatlab/src/wait"
)

// clusterChecks proves that the chat servers of a lab that has several are one,
// and that one of them may die. That all users see one order and one another,
// wherever they are, is for the checks of the chat: each user has another server.
func clusterChecks(j *Journey) []Check {
	if len(j.lab.Inventory.Members(inventory.Chatd)) < 2 {
		return nil
	}
	return j.group(partChat, "chatd's log (`lab status` says where)", []Check{
		{Name: "chat.cluster", Text: "the chat servers reach each other and hold every line as often as they should", Run: chatCluster},
	})
}

// maxReplicas is how many chat servers hold each line at the most.
const maxReplicas = 3

// clusterPoll is how often chat servers are asked of which one has not heard of
// the last lines yet: each looks at the others once a second.
const clusterPoll = 250 * time.Millisecond

func chatCluster(ctx context.Context, e *Env) error {
	limit, cancel := context.WithTimeout(ctx, e.eventWait)
	defer cancel()
	var facts []clusterFact
	var err error
	wait.Until(limit, clusterPoll, func() bool {
		facts, err = clusterFacts(ctx, e)
		return err != nil || !slices.ContainsFunc(facts, func(f clusterFact) bool { return f.is != f.want })
	})
	if err != nil {
		return err
	}
	for _, f := range facts {
		e.Same(f.what, f.want, f.is)
	}
	return nil
}

// clusterFact is something that the chat servers say of themselves.
type clusterFact struct {
	what     string
	want, is float64
}

func clusterFacts(ctx context.Context, e *Env) ([]clusterFact, error) {
	members := e.lab.Inventory.Members(inventory.Chatd)
	all := float64(len(members))
	var facts []clusterFact
	leaders := 0.0
	for _, n := range members {
		m, err := e.metrics(ctx, e.lab.Inventory.OpsAddress(inventory.Chatd, n))
		if err != nil {
			return nil, fmt.Errorf("chatd on %s: %w", n.Name, err)
		}
		add := func(name string, want float64) {
			is, _ := m.Sum(metrics.Named("chatlab_chatlog_" + name))
			facts = append(facts, clusterFact{"chatlab_chatlog_" + name + " on " + n.Name, want, is})
		}
		add("members", all)
		add("members_expected", all)
		add("replicas_current", min(maxReplicas, all))
		add("quorum", 1)
		leader, _ := m.Sum(metrics.Named("chatlab_chatlog_leader"))
		leaders += leader
	}
	return append(facts, clusterFact{"servers that lead", 1, leaders}), nil
}

// metrics reads the metrics of a daemon.
func (e *Env) metrics(ctx context.Context, ops string) (metrics.Page, error) {
	r, err := e.get(ctx, "http://"+ops+"/metrics")
	if err != nil {
		return nil, err
	}
	if r.status != http.StatusOK {
		return nil, failf("200 of /metrics", "%d", r.status)
	}
	return metrics.Parse(strings.NewReader(r.body + "\n"))
}
