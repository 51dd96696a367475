package zbx

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"time"

	"chatlab/src/errs"
)

// Get asks an agent for the value of an item key in the form of up to 6.4. An
// item without a value is an error of code failed with the agent's reason, an
// agent that cannot be asked one of code unavailable. A refused peer sees its
// connection closed.
func Get(ctx context.Context, addr, key string) (string, error) {
	data, err := exchange(ctx, addr, []byte(key))
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

// GetJSON asks as [Get] does, in the form of 7.0 and later. timeout is what the
// agent is told it may take.
func GetJSON(ctx context.Context, addr, key string, timeout time.Duration) (string, error) {
	seconds, err := json.Marshal(max(1, int(timeout.Seconds())))
	if err != nil {
		return "", err
	}
	request, err := json.Marshal(jsonRequest{Request: "passive checks", Data: []jsonItem{{Key: key, Timeout: seconds}}})
	if err != nil {
		return "", err
	}
	data, err := exchange(ctx, addr, request)
	if err != nil {
		return "", err
	}
	var answer jsonAnswer
	if err := json.Unmarshal(data, &answer); err != nil {
		return "", errs.E(errs.Unavailable, "%s does not answer in JSON: an agent of before 7.0?", addr)
	}
	switch {
	case answer.Error != "":
		return "", errs.E(errs.Failed, "%s", answer.Error)
	case len(answer.Data) != 1:
		return "", errs.E(errs.Unavailable, "%s answered %d values", addr, len(answer.Data))
	case answer.Data[0].Value == nil:
		return "", errs.E(errs.Failed, "%s", answer.Data[0].Error)
	}
	return *answer.Data[0].Value, nil
}

// exchange sends one frame and reads one. Without a deadline in ctx it takes at
// most ten seconds.
func exchange(ctx context.Context, addr string, request []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "%s does not answer", addr)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(AppendFrame(nil, request)); err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "%s takes no request", addr)
	}
	data, err := ReadFrame(conn, nil)
	if err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "%s gives no answer (does it allow this machine?)", addr)
	}
	return data, nil
}
