package natslog_test

import (
	"errors"
	"testing"

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
