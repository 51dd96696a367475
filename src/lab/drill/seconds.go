package drill

import (
	"encoding/json"
	"time"
)

// Seconds is a duration that JSON has as a number of seconds.
type Seconds time.Duration

// MarshalJSON implements [json.Marshaler], to the millisecond.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(float64(time.Duration(s).Milliseconds()) / 1000)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (s *Seconds) UnmarshalJSON(text []byte) error {
	var n float64
	err := json.Unmarshal(text, &n)
	*s = Seconds(n * float64(time.Second))
	return err
}

// String writes it as [time.Duration] does, to the hundredth of a second.
func (s Seconds) String() string { return round(time.Duration(s)).String() }
