package natslog_test

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"chatlab/src/mtls"
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
	for name, holder := range map[string]mtls.Identity{
		"a logger":              {Role: mtls.ChatdLogger, Node: "node2"},
		"a log server":          {Role: mtls.Logd, Node: "node2"},
		"the operator":          {Role: mtls.Operator, Node: "lab"},
		"a chatd of no member":  {Role: mtls.Chatd, Node: "stranger"},
		"a chatd towards authd": {Role: mtls.ChatdAuthd, Node: "node2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := bareRing(t, 3)
			r.name(0, 1, 2)
			var said testkit.Buffer
			for i := range 3 {
				o := r.options(i)
				o.Logger = slog.New(slog.NewTextHandler(&said, nil))
				if i == 2 {
					o.Cluster.TLS = r.ca.Files(holder.Role, holder.Node)
				}
				log, err := natslog.Open(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(log.Close)
				r.logs[i] = log
			}
			testkit.Until(t, "the others are one, and have refused it", func() bool {
				return slices.Contains(r.logs[0].Others(), "node1") && strings.Contains(said.String(), "the certificate is of "+holder.String())
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
