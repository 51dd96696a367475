package zabbix

import (
	"strconv"
	"strings"
	"time"
)

// slack is granted to a server that has much to do.
const slack = time.Minute

// Freshness is how old the last value of an item of the template may be at the
// most, with the template's own intervals: three of them, or where only changes
// are kept the time after which a value is kept all the same.
func (t Template) Freshness(i Item) time.Duration {
	delay := t.Interval(i)
	for _, s := range i.Steps {
		if s == unchanged {
			return time.Hour + delay + slack
		}
	}
	return 3*delay + slack
}

// Interval is the time between two values of an item of the template, with the
// template's own macros.
func (t Template) Interval(i Item) time.Duration {
	for ; i.Master != ""; i = t.item(i.Master) {
	}
	return t.seconds(i.Delay)
}

func (t Template) item(key string) Item {
	for _, i := range t.Items {
		if i.Key == key {
			return i
		}
	}
	return Item{}
}

// seconds reads a time as Zabbix writes it, 30s, 5m, 1h, or the macro of one.
func (t Template) seconds(text string) time.Duration {
	for _, m := range t.Macros {
		text = strings.ReplaceAll(text, m.Name, m.Value)
	}
	if n, err := strconv.Atoi(text); err == nil {
		return time.Duration(n) * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 24 * time.Hour // "1d"
	}
	return d
}
