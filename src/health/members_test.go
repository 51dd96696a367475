package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"chatlab/src/errs"
	"chatlab/src/health"
)

func TestMembersAreCounted(t *testing.T) {
	alive := answers(t, "/auth/health", 200, `{"message":"alive"}`)
	ready, notReady := answers(t, "/readyz", 200, "ready\n"), answers(t, "/readyz", 503, "database away\n")
	r := checks(t, health.Config{Services: health.Services{
		Auth: []string{alive, dead(t), alive}, AuthOps: []string{ready, ready, notReady},
		Logd: []string{dead(t), dead(t)},
	}})
	for key, want := range map[string]string{
		"chatlab.members[auth]":      "1",
		"chatlab.expected[auth]":     "3",
		"chatlab.members[logd]":      "0",
		"chatlab.expected[logd]":     "2",
		"chatlab.members[chat]":      "No address of chat is configured.",
		"chatlab.expected[chat]":     "No address of chat is configured.",
		"chatlab.members":            "Give auth, chat or logd.",
		"chatlab.members[auth,a:1]":  "Give auth, chat or logd.",
		"chatlab.members[mail]":      `There is no service "mail": give auth, chat or logd.`,
		"chatlab.expected[auth,a:1]": "Give auth, chat or logd.",
	} {
		got, err := r.Value(t.Context(), key)
		if err != nil {
			got = errs.Public(err)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

// member is a server of a Galera cluster that says what it is told.
type member map[string]string

func (m member) Wsrep(context.Context) (map[string]string, error) {
	if m == nil {
		return nil, errors.New("away")
	}
	return m, nil
}

func TestWhatADatabaseSaysOfItsCluster(t *testing.T) {
	first := member{"wsrep_cluster_size": "2", "wsrep_cluster_status": "Primary", "wsrep_local_index": "0", "wsrep_ready": "ON",
		"wsrep_local_state": "4", "wsrep_local_recv_queue": "7", "wsrep_flow_control_paused_ns": "12000000000"}
	alone := member{"wsrep_cluster_size": "1", "wsrep_cluster_status": "non-Primary", "wsrep_local_index": "18446744073709551615",
		"wsrep_ready": "OFF", "wsrep_local_state": "0", "wsrep_local_recv_queue": "0", "wsrep_flow_control_paused_ns": "5"}
	for name, tt := range map[string]struct {
		db   member
		want map[string]float64
	}{
		"one lacks": {first, map[string]float64{"answers": 1, "expected": 3, "size": 2, "primary": 1, "first": 1, "ready": 1, "state": 4, "queue": 7, "paused_ns": 12e9}},
		"alone":     {alone, map[string]float64{"answers": 1, "expected": 3, "size": 1, "primary": 0, "first": 0, "ready": 0, "state": 0, "queue": 0, "paused_ns": 5}},
		"away":      {nil, map[string]float64{"answers": 0, "expected": 3, "size": 0, "primary": 0, "first": 0, "ready": 0, "state": 0, "queue": 0, "paused_ns": 0}},
	} {
		text, err := checks(t, health.Config{Cluster: tt.db, Members: 3}).Value(t.Context(), "chatlab.galera")
		var got map[string]float64
		if err != nil || json.Unmarshal([]byte(text), &got) != nil || len(got) != len(tt.want) {
			t.Fatalf("%s: %s, %v", name, text, err)
		}
		for key, want := range tt.want {
			if got[key] != want {
				t.Errorf("%s: %s is %g, want %g", name, key, got[key], want)
			}
		}
	}
	if _, err := checks(t, health.Config{}).Value(t.Context(), "chatlab.galera"); err == nil || errs.Public(err) != "No cluster of mariadb is configured." {
		t.Errorf("no cluster: %v", err)
	}
	if _, err := checks(t, health.Config{Cluster: first}).Value(t.Context(), "chatlab.galera[x]"); !errs.Is(err, errs.BadRequest) {
		t.Errorf("a parameter: %v", err)
	}
}
