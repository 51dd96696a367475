package zabbix

import (
	"testing"
	"time"
)

func TestEveryItemSaysHowFreshItIs(t *testing.T) {
	for _, tpl := range Templates() {
		for _, i := range tpl.Items {
			if d := tpl.Freshness(i); d < 90*time.Second || d > 4*time.Hour {
				t.Errorf("%s %s: a value may be %s old", tpl.Name, i.Key, d)
			}
		}
	}
	tpl := Template{Macros: []Macro{{Name: "{$D}", Value: "30s"}}, Items: []Item{{Key: "slow", Delay: "20s"}}}
	for want, i := range map[time.Duration]Item{
		150 * time.Second:                       {Delay: "{$D}"},
		time.Hour + 5*time.Minute + time.Minute: {Delay: "5m", Steps: []Step{unchanged}},
		3*20*time.Second + time.Minute:          {Master: "slow"},
		3*45*time.Second + time.Minute:          {Delay: "45"},
	} {
		if got := tpl.Freshness(i); got != want {
			t.Errorf("%+v: %s, want %s", i, got, want)
		}
	}
}
