package check

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"chatlab/src/lab/inventory"
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

func chatCluster(ctx context.Context, e *Env) error {
	members := e.lab.Inventory.Members(inventory.Chatd)
	leaders := 0.0
	for _, n := range members {
		m, err := e.metrics(ctx, e.lab.Inventory.OpsAddress(inventory.Chatd, n))
		if err != nil {
			return fmt.Errorf("chatd on %s: %w", n.Name, err)
		}
		for name, want := range map[string]int{"members": len(members), "members_expected": len(members),
			"replicas_current": min(maxReplicas, len(members)), "quorum": 1} {
			e.Same("chatlab_chatlog_"+name+" on "+n.Name, want, m["chatlab_chatlog_"+name])
		}
		leaders += m["chatlab_chatlog_leader"]
	}
	e.Same("servers that lead", 1, leaders)
	return nil
}

// metrics reads those metrics of a daemon that have no labels.
func (e *Env) metrics(ctx context.Context, ops string) (map[string]float64, error) {
	r, err := e.get(ctx, "http://"+ops+"/metrics")
	if err != nil {
		return nil, err
	}
	if r.status != http.StatusOK {
		return nil, failf("200 of /metrics", "%d", r.status)
	}
	out := map[string]float64{}
	for line := range strings.Lines(r.body) {
		name, text, ok := strings.Cut(strings.TrimSpace(line), " ")
		if value, err := strconv.ParseFloat(text, 64); ok && err == nil {
			out[name] = value
		}
	}
	return out, nil
}
