package health

import "context"

// Ping is agent.ping: 1, while healthd answers.
type Ping struct{}

// Key implements [Check].
func (Ping) Key() string { return "agent.ping" }

// About implements [Check].
func (Ping) About() string { return "1, while healthd answers" }

// Run implements [Check].
func (Ping) Run(_ context.Context, params []string) (string, error) { return "1", noParams(params) }

// AgentVersion is agent.version: the release of healthd.
type AgentVersion string

// Key implements [Check].
func (AgentVersion) Key() string { return "agent.version" }

// About implements [Check].
func (AgentVersion) About() string { return "healthd's version" }

// Run implements [Check].
func (v AgentVersion) Run(_ context.Context, params []string) (string, error) {
	return string(v), noParams(params)
}

// Hostname is agent.hostname: the node's name in the lab.
type Hostname string

// Key implements [Check].
func (Hostname) Key() string { return "agent.hostname" }

// About implements [Check].
func (Hostname) About() string { return "the node's name" }

// Run implements [Check].
func (h Hostname) Run(_ context.Context, params []string) (string, error) {
	return string(h), noParams(params)
}
