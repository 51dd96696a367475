package zbx

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"chatlab/src/errs"
)

// Get asks an agent without TLS; see [Peer.Get].
func Get(ctx context.Context, addr, key string) (string, error) {
	return Peer{Addr: addr}.Get(ctx, key)
}

// GetJSON asks an agent without TLS; see [Peer.GetJSON].
func GetJSON(ctx context.Context, addr, key string, timeout time.Duration) (string, error) {
	return Peer{Addr: addr}.GetJSON(ctx, key, timeout)
}

// Get asks an agent for the value of an item key in the form of up to 6.4. An
// item without a value is an error of code failed with the agent's reason, an
// agent that cannot be asked one of code unavailable. A refused peer sees its
// connection closed.
func (p Peer) Get(ctx context.Context, key string) (string, error) {
	data, err := p.exchange(ctx, []byte(key))
	if err != nil {
		return "", err
	}
	text := string(data)
	if text == strings.TrimSuffix(notSupported, "\x00") {
		return "", errs.E(errs.Failed, "not supported")
	}
	if reason, unsupported := strings.CutPrefix(text, notSupported); unsupported {
		return "", errs.E(errs.Failed, "%s", reason)
	}
	return text, nil
}

// GetJSON asks as [Peer.Get] does, in the form of 7.0 and later. timeout is
// what the agent is told it may take.
func (p Peer) GetJSON(ctx context.Context, key string, timeout time.Duration) (string, error) {
	request, err := json.Marshal(newJSONRequest(key, timeout))
	if err != nil {
		return "", err
	}
	data, err := p.exchange(ctx, request)
	if err != nil {
		return "", err
	}
	return p.answerOf(data)
}

// answerOf reads what an agent of 7.0 answered.
func (p Peer) answerOf(data []byte) (string, error) {
	var answer jsonAnswer
	if err := json.Unmarshal(data, &answer); err != nil {
		return "", errs.E(errs.Unavailable, "%s does not answer in JSON: an agent of before 7.0?", p.Addr)
	}
	switch {
	case answer.Error != "":
		return "", errs.E(errs.Failed, "%s", answer.Error)
	case len(answer.Data) != 1:
		return "", errs.E(errs.Unavailable, "%s answered %d values", p.Addr, len(answer.Data))
	case answer.Data[0].Value == nil:
		return "", errs.E(errs.Failed, "%s", answer.Data[0].Error)
	}
	return string(*answer.Data[0].Value), nil
}
