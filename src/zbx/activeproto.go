package zbx

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"chatlab/src/errs"
)

// The JSON of active checks; see Zabbix's manual, appendix "Zabbix agent 2
// protocol".
type (
	checksRequest struct {
		Request  string `json:"request"`
		Host     string `json:"host"`
		Version  string `json:"version"`
		Variant  int    `json:"variant"`
		Session  string `json:"session"`
		Revision uint64 `json:"config_revision"`
		Metadata string `json:"host_metadata,omitempty"`
		Port     int    `json:"port,omitempty"`
	}
	checksAnswer struct {
		Response string        `json:"response"`
		Info     string        `json:"info"`
		Upload   string        `json:"upload"`
		Revision uint64        `json:"config_revision"`
		Data     *[]activeItem `json:"data"` // nil: as before
	}
	// activeItem is one item that a server wants. It is comparable: an item that
	// has not changed goes on as it is.
	activeItem struct {
		Key     string `json:"key"`
		ItemID  uint64 `json:"itemid"`
		Delay   text   `json:"delay"` // seconds, or "30s;…"
		Timeout text   `json:"timeout"`
	}
	dataRequest struct {
		Request string      `json:"request"`
		Data    []dataValue `json:"data"`
		Session string      `json:"session"`
		Host    string      `json:"host,omitempty"`
		Version string      `json:"version,omitempty"`
		Variant int         `json:"variant,omitempty"`
		stamp
	}
	dataValue struct {
		ID     uint64 `json:"id"`
		ItemID uint64 `json:"itemid,omitempty"`
		Host   string `json:"host,omitempty"`
		Key    string `json:"key,omitempty"`
		Value  string `json:"value"`
		State  int    `json:"state,omitempty"` // 1: not supported, the value says why
		stamp
	}
	heartbeatRequest struct {
		Request   string `json:"request"`
		Host      string `json:"host"`
		Frequency int    `json:"heartbeat_freq"`
		Version   string `json:"version"`
		Variant   int    `json:"variant"`
	}
)

// refresh asks for the items, and has them run.
func (a *Active) refresh(ctx context.Context, items *schedule) error {
	request := checksRequest{
		Request: "active checks", Host: a.Host, Version: agentVersion, Variant: variant,
		Session: a.session, Revision: a.revision, Metadata: a.Metadata, Port: a.Port,
	}
	var answer checksAnswer
	if err := a.Peer.ask(ctx, request, &answer); err != nil {
		a.revision = 0 // it may have sent what did not arrive
		return err
	}
	if answer.Response != "success" {
		items.set(ctx, nil)
		return errs.E(errs.Unavailable, "%s has no items: %s", a.Peer.Addr, or(answer.Info, answer.Response))
	}
	a.paused = answer.Upload == "disabled"
	if answer.Data == nil {
		if a.revision == 0 {
			return errs.E(errs.Unavailable, "%s answers without items", a.Peer.Addr)
		}
		return nil
	}
	a.revision = answer.Revision
	items.set(ctx, *answer.Data)
	return nil
}

// dataRequest words values as the server wants them: by item where it has told
// the ids, otherwise by host and key.
func (a *Active) dataRequest(values []result) dataRequest {
	request := dataRequest{Request: "agent data", Session: a.session, stamp: stampOf(time.Now())}
	for _, r := range values {
		v := dataValue{ID: r.id, Value: r.value, stamp: stampOf(r.at)}
		if r.bad {
			v.State = 1
		}
		if r.item.ItemID != 0 {
			v.ItemID = r.item.ItemID
			request.Host, request.Version, request.Variant = a.Host, agentVersion, variant
		} else {
			v.Host, v.Key = a.Host, r.item.Key
		}
		request.Data = append(request.Data, v)
	}
	return request
}

// beat sends a heartbeat, which has no answer of meaning.
func (a *Active) beat(ctx context.Context) error {
	body, err := json.Marshal(heartbeatRequest{"active check heartbeat", a.Host, max(1, int(a.Beat.Seconds())), agentVersion, variant})
	if err != nil {
		return err
	}
	return a.Peer.tell(ctx, body)
}

// seconds reads "30", "30s", "5m", "1h", "1d" or "1w".
func seconds(s string) (time.Duration, bool) {
	unit := time.Second
	if n := len(s); n > 0 {
		units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
		if u, ok := units[s[n-1]]; ok {
			unit, s = u, s[:n-1]
		}
	}
	n, err := strconv.ParseUint(s, 10, 20)
	return time.Duration(n) * unit, err == nil
}
