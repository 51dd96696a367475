package check

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/lab/watch"
	"chatlab/src/zabbix"
	"chatlab/src/zabbix/api"
)

// How long a server that was just set up has to know every item, how often it is
// asked meanwhile, and after what time it is told again to take a value now: to be
// told at every look keeps a slow one from taking any.
const (
	watchLimit = 3 * time.Minute
	toldLimit  = 5 * time.Minute // if all that is left is told for {$CHATLAB.RESTART.PERIOD}
	watchPoll  = 2 * time.Second
	hurryAgain = 15 * time.Second
)

// watched is what the server knows of the lab.
type watched struct {
	hosts map[string]*seenHost
}

type seenHost struct {
	Name       string `json:"host"`
	Available  string // up to 5.2
	Interfaces []struct{ IP, Port, Available, Error string }
	Items      []seenItem
	Rules      []seenItem `json:"discoveries"`
	Triggers   []struct{ Description, Value, Status, State, Error string }
}

type seenItem struct {
	ID        string `json:"itemid"`
	Key       string `json:"key_"`
	State     string
	Error     string
	LastClock string
	Type      string
}

func (j *Journey) watched(ctx context.Context) (*watched, error) {
	begun, limit := time.Now(), j.allow(watchLimit)
	ctx, cancel := context.WithTimeout(ctx, max(limit, toldLimit))
	defer cancel()
	c, err := watch.Open(ctx, j.lab, j.http)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	tick := time.NewTicker(j.allow(watchPoll))
	defer tick.Stop()
	told := hurried{}
	for {
		w, err := observe(ctx, c)
		if err != nil {
			return nil, err
		}
		lacking := w.lacking(watchedHosts(j.lab.Inventory))
		if lacking == nil || time.Since(begun) > limit && !w.onlyTells(lacking) {
			return w, nil // what lacks is for the checks to say
		}
		if err := hurry(ctx, c, told.due(lacking, time.Now(), j.allow(hurryAgain))); err != nil {
			return nil, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return w, nil
		}
	}
}

// observe asks for all hosts.
func observe(ctx context.Context, c *api.Client) (*watched, error) {
	item := []string{"itemid", "key_", "state", "error", "lastclock", "type"}
	var hosts []*seenHost
	err := c.Call(ctx, "host.get", map[string]any{
		"output": "extend", "selectInterfaces": "extend", "selectItems": item, "selectDiscoveries": item[:4],
		"selectTriggers": []string{"description", "value", "status", "state", "error"},
	}, &hosts)
	if err != nil {
		return nil, err
	}
	w := &watched{hosts: map[string]*seenHost{}}
	for _, h := range hosts {
		w.hosts[h.Name] = h
	}
	return w, nil
}

// lacking lists the items that have no value yet, of hosts that are known; nil
// when every one has, every host is available and nothing fires.
func (w *watched) lacking(hosts []watchedHost) []seenItem {
	out := []seenItem{}
	settled := len(w.firing()) == 0
	for _, h := range hosts {
		seen, ok := w.hosts[h.name]
		if !ok {
			continue
		}
		settled = settled && seen.available()
		out = append(out, seen.undiscovered(h.templates)...)
		for _, i := range seen.Items {
			if i.LastClock == "0" || i.State != "0" {
				out = append(out, i)
			}
		}
	}
	if settled && len(out) == 0 {
		return nil
	}
	return out
}

// onlyTells tells whether all that is left is that something was started again, which
// Zabbix tells for a while after whoever did it on purpose has forgotten it.
func (w *watched) onlyTells(lacking []seenItem) bool {
	firing := w.firing()
	return len(lacking) == 0 && len(firing) > 0 && !slices.ContainsFunc(firing, func(f string) bool {
		return !strings.HasSuffix(f, zabbix.StartedAgain)
	})
}

// undiscovered are the discoveries whose next look, which may be an hour away, has
// something to do: a prototype has made no item yet, be it new on a lab that is
// upgraded, or what was found is gone.
func (h *seenHost) undiscovered(templates []zabbix.Template) []seenItem {
	var out []seenItem
	for _, t := range templates {
		for _, want := range t.Rules {
			i := slices.IndexFunc(h.Rules, func(s seenItem) bool { return s.Key == want.Key })
			due := slices.ContainsFunc(want.Items, func(prototype zabbix.Item) bool { return !h.made(prototype) })
			if i >= 0 && due {
				out = append(out, h.Rules[i])
			}
		}
	}
	return out
}

// foundMacro stands in a prototype's key for the discovered value.
var foundMacro = regexp.MustCompile(`\\\{#[A-Z]+\\\}`)

// of returns the items that a prototype has made.
func (h *seenHost) of(prototype zabbix.Item) []seenItem {
	key := regexp.MustCompile("^" + foundMacro.ReplaceAllString(regexp.QuoteMeta(prototype.Key), ".+") + "$")
	return slices.DeleteFunc(slices.Clone(h.Items), func(s seenItem) bool { return !key.MatchString(s.Key) })
}

// made tells whether a prototype has made items, and all of them are supported.
func (h *seenHost) made(prototype zabbix.Item) bool {
	items := h.of(prototype)
	return len(items) > 0 && !slices.ContainsFunc(items, func(s seenItem) bool { return s.State != "0" })
}

// taskNow is the kind of task that takes an item's value at once.
const taskNow = 6

// hurried are the times at which items were hurried, by item.
type hurried map[string]time.Time

// due are those of the items that were not hurried lately; they are now.
func (h hurried) due(items []seenItem, now time.Time, again time.Duration) []seenItem {
	var out []seenItem
	for _, i := range items {
		if last, ok := h[i.ID]; ok && now.Sub(last) < again {
			continue
		}
		h[i.ID] = now
		out = append(out, i)
	}
	return out
}

// hurry has the server take values now that it would take in some minutes.
func hurry(ctx context.Context, c *api.Client, items []seenItem) error {
	var tasks []any
	for _, i := range items {
		if i.Type == "18" { // dependent: its master brings it
			continue
		}
		tasks = append(tasks, map[string]any{"type": taskNow, "request": map[string]string{"itemid": i.ID}})
	}
	if len(tasks) == 0 {
		return nil
	}
	err := c.Call(ctx, "task.create", tasks, nil)
	if errs.Is(err, errs.Failed) {
		return nil // an item that the server cannot hurry, or a server before 5.2: it comes in its time
	}
	return err
}

// firing lists what fires, as HOST: TRIGGER.
func (w *watched) firing() []string {
	var out []string
	for _, h := range w.hosts {
		for _, t := range h.Triggers {
			if t.Value == "1" && t.Status == "0" {
				out = append(out, watch.Problem{Host: h.Name, Trigger: t.Description}.String())
			}
		}
	}
	slices.Sort(out)
	return out
}

func (h *seenHost) available() bool {
	if h.Available == "1" {
		return true
	}
	return len(h.Interfaces) > 0 && h.Interfaces[0].Available == "1"
}
