package zbx

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"chatlab/src/errs"
)

// batch is how many values one request has at most, as zabbix_sender's.
const batch = 250

// Value is a value for an item of a host, with the time when it was taken.
type Value struct {
	Host, Key, Value string
	Time             time.Time
}

// Sent tells what became of values.
type Sent struct {
	Processed, Failed int
}

type (
	senderRequest struct {
		Request string        `json:"request"`
		Data    []senderValue `json:"data"`
		stamp
	}
	senderValue struct {
		Host  string `json:"host"`
		Key   string `json:"key"`
		Value string `json:"value"`
		stamp
	}
	// stamp is a time as Zabbix has it.
	stamp struct {
		Clock int64 `json:"clock"`
		NS    int   `json:"ns"`
	}
	trapperAnswer struct {
		Response string `json:"response"`
		Info     string `json:"info"`
		Upload   string `json:"upload"`
	}
)

func stampOf(t time.Time) stamp { return stamp{t.Unix(), t.Nanosecond()} }

// Send gives values to a server's trapper, each with its own time. A server
// says success even when it takes none of them, so what it processed is
// counted. Fails with unavailable (some batches may have been taken: see Sent),
// and with failed when the server did not take all: the item does not exist, is
// not of the trapper's type, or does not allow this address.
func (p Peer) Send(ctx context.Context, values []Value) (Sent, error) {
	var sum Sent
	for len(values) > 0 {
		n := min(batch, len(values))
		one, err := p.sendBatch(ctx, values[:n])
		sum.Processed += one.Processed
		sum.Failed += one.Failed
		if err != nil {
			return sum, err
		}
		values = values[n:]
	}
	if sum.Failed > 0 {
		return sum, errs.E(errs.Failed, "%s took %d of %d values", p.Addr, sum.Processed, sum.Processed+sum.Failed).
			WithFix("see that the host and its items of type Zabbix trapper exist, and that they allow this address")
	}
	return sum, nil
}

func (p Peer) sendBatch(ctx context.Context, values []Value) (Sent, error) {
	request := senderRequest{Request: "sender data", stamp: stampOf(time.Now())}
	for _, v := range values {
		request.Data = append(request.Data, senderValue{v.Host, v.Key, v.Value, stampOf(v.Time)})
	}
	sent, _, err := p.push(ctx, request)
	if err == nil && sent.Processed+sent.Failed != len(values) {
		err = errs.E(errs.Unavailable, "%s counted %d values of %d", p.Addr, sent.Processed+sent.Failed, len(values))
	}
	return sent, err
}

// push sends values in any request and reads what the server counted.
func (p Peer) push(ctx context.Context, request any) (Sent, trapperAnswer, error) {
	var answer trapperAnswer
	if err := p.ask(ctx, request, &answer); err != nil {
		return Sent{}, answer, err
	}
	if answer.Response != "success" {
		return Sent{}, answer, errs.E(errs.Unavailable, "%s refuses: %s", p.Addr, or(answer.Info, answer.Response))
	}
	sent, err := parseInfo(answer.Info)
	if err != nil {
		return Sent{}, answer, errs.E(errs.Unavailable, "%s: %w", p.Addr, err)
	}
	return sent, answer, nil
}

// ask sends an object and reads one.
func (p Peer) ask(ctx context.Context, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	data, err := p.exchange(ctx, body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return errs.E(errs.Unavailable, "%s does not answer as a Zabbix server", p.Addr)
	}
	return nil
}

// parseInfo reads "processed: 1; failed: 0; total: 1; seconds spent: 0.060753".
func parseInfo(info string) (Sent, error) {
	var s Sent
	var total int
	var spent float64
	n, err := fmt.Sscanf(info, "processed: %d; failed: %d; total: %d; seconds spent: %f", &s.Processed, &s.Failed, &total, &spent)
	if err != nil || n != 4 || s.Processed < 0 || s.Failed < 0 || s.Processed+s.Failed != total {
		return Sent{}, fmt.Errorf("it does not say what it took: %q", clip(info))
	}
	return s, nil
}

func clip(s string) string { return s[:min(len(s), 100)] }
