package natslog_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"chatlab/src/natslog"
	"chatlab/src/testkit"

	"github.com/nats-io/nats.go"
)

// The client port of a member answers on loopback, where every user of the machine
// can connect to it.
func TestClientPortRefusesStrangers(t *testing.T) {
	log := newRing(t, 3).logs[0]
	for name, option := range map[string]nats.Option{
		"no credentials":     nats.Name("stranger"),
		"wrong password":     nats.UserInfo("chatd", "password"),
		"empty password":     nats.UserInfo("chatd", ""),
		"system, wrong word": nats.UserInfo("system", "password"),
		"unknown user":       nats.UserInfo("stranger", "password"),
		"token":              nats.Token("token"),
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := nats.Connect(log.ClientURL(), option)
			if err == nil {
				conn.Close()
			}
			if !errors.Is(err, nats.ErrAuthorization) {
				t.Errorf("connecting with %s gives %v, want %v", name, err, nats.ErrAuthorization)
			}
		})
	}
}

func TestOnlyAChatServerThatThePeersFileNamesJoins(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"node2-logger", "stranger-chatd", "lab"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := bareRing(t, 3)
			r.name(0, 1, 2)
			var said testkit.Buffer
			for i := range 3 {
				o := r.options(i)
				o.Logger = slog.New(slog.NewTextHandler(&said, nil))
				if i == 2 {
					o.Cluster.TLS = r.ca.Files(name)
				}
				log, err := natslog.Open(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(log.Close)
				r.logs[i] = log
			}
			testkit.Until(t, "the others are one, and have refused it", func() bool {
				refused := fmt.Sprintf("the certificate \\\"%s\\\" is not of a chat server", name)
				return slices.Contains(r.logs[0].Others(), "node1") && strings.Contains(said.String(), refused)
			})
			for _, log := range r.logs[:2] {
				if others := log.Others(); slices.Contains(others, "node2") {
					t.Errorf("the members are %v", others)
				}
			}
			if others := r.logs[2].Others(); len(others) > 0 {
				t.Errorf("it reaches %v", others)
			}
		})
	}
}
