package natslog

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

func TestEpochsEndWhereTheNextOneBegins(t *testing.T) {
	for name, tt := range map[string]struct {
		before epochs
		log    jetstream.StreamState
		want   epochs
	}{
		"the first":                     {nil, jetstream.StreamState{}, epochs{{"new", 1}}},
		"after lines":                   {epochs{{"a", 1}}, jetstream.StreamState{FirstSeq: 1, LastSeq: 9}, epochs{{"a", 1}, {"new", 10}}},
		"after none":                    {epochs{{"a", 1}}, jetstream.StreamState{}, epochs{{"a", 1}, {"new", 1}}},
		"a log without its end":         {epochs{{"a", 1}, {"b", 7}, {"c", 9}}, jetstream.StreamState{FirstSeq: 1, LastSeq: 5}, epochs{{"a", 1}, {"b", 6}, {"c", 6}, {"new", 6}}},
		"a log without its beginning":   {epochs{{"a", 1}, {"b", 5}, {"c", 8}}, jetstream.StreamState{FirstSeq: 6, LastSeq: 9}, epochs{{"b", 5}, {"c", 8}, {"new", 10}}},
		"one whose reader misses none":  {epochs{{"a", 1}, {"b", 6}}, jetstream.StreamState{FirstSeq: 6, LastSeq: 9}, epochs{{"a", 1}, {"b", 6}, {"new", 10}}},
		"a log whose lines are trimmed": {epochs{{"a", 1}, {"b", 6}}, jetstream.StreamState{FirstSeq: 10, LastSeq: 9}, epochs{{"b", 6}, {"new", 10}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.before.begin("new", tt.log); !slices.Equal(got, tt.want) {
				t.Errorf("epochs %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTheLongestListOfEpochsFitsIntoTheBucket(t *testing.T) {
	var list epochs
	last := ^uint64(0) - 2*epochsMost
	for i := range uint64(2 * epochsMost) {
		list = list.begin(fmt.Sprintf("%010d", i), jetstream.StreamState{FirstSeq: 1, LastSeq: last + i})
	}
	if len(list) != epochsMost || list[epochsMost-1].ID != fmt.Sprintf("%010d", 2*epochsMost-1) {
		t.Errorf("%d epochs, the last is %+v", len(list), list[len(list)-1])
	}
	if text, err := json.Marshal(list); err != nil || len(text) > stateBytes-1024 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}
