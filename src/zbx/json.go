package zbx

import (
	"encoding/json"
	"time"
)

// The JSON of passive checks from Zabbix 7.0 on; see its manual, "Passive and
// active agent checks".
type (
	jsonRequest struct {
		Request string     `json:"request"`
		Data    []jsonItem `json:"data"`
	}
	jsonItem struct {
		Key     string          `json:"key"`
		Timeout json.RawMessage `json:"timeout,omitempty"` // seconds, or "3s"
	}
	jsonAnswer struct {
		Version string      `json:"version"`
		Variant int         `json:"variant"` // 2: as agent 2
		Data    []jsonValue `json:"data,omitempty"`
		Error   string      `json:"error,omitempty"`
	}
	jsonValue struct {
		Value *text  `json:"value,omitempty"`
		Error string `json:"error,omitempty"`
	}
)

// variant is what 7.0 tells agents (1) and agents 2 (2) apart by.
const variant = 2

const passiveChecks = "passive checks"

func newJSONRequest(key string, timeout time.Duration) jsonRequest {
	seconds, _ := json.Marshal(max(1, int(timeout.Seconds()))) // a number always marshals
	return jsonRequest{Request: passiveChecks, Data: []jsonItem{{Key: key, Timeout: seconds}}}
}

// text is a string that may come as a number: the manual's examples do both.
type text string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *text) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] != '"' {
		*t = text(data)
		return nil
	}
	return json.Unmarshal(data, (*string)(t))
}
