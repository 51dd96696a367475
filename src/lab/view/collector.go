package view

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"chatlab/src/lab"
	"chatlab/src/lab/mark"
	"chatlab/src/metrics"
	"chatlab/src/wait"
)

// Every is the time between two looks at a lab, and Unwatched while no page shows it: a
// teacher's list may have thirty labs.
const (
	Every     = time.Second
	Unwatched = 2 * time.Second
)

// Limits of one look. A part that takes longer is missing from it.
const (
	statusLimit  = 4 * time.Second
	metricsLimit = 900 * time.Millisecond
	eventsLimit  = 4 * time.Second
)

// Event is one event of the log, as it is shown.
type Event struct{ Time, Server, Category, ID, Data string }

// Source is what a collector asks.
type Source struct {
	Name  string // of the lab, for the title
	State string // folder, with the marks

	// Open describes the lab as it is now. It is called again when the lab's services
	// are others than before.
	Open func() (*lab.Lab, error)

	// Events returns the newest n events of the log, the oldest first.
	Events func(ctx context.Context, l *lab.Lab, n int) ([]Event, error)

	// Drill returns the name of the drill that runs on the lab, or "".
	Drill func() string
}

// Look is the observed state of a lab at one moment.
type Look struct {
	At       time.Time
	Lab      *lab.Lab
	Err      error // of the status
	Services []lab.ServiceStatus
	Rates    map[Place]Rates
	Now      Point
	history  history
	Events   []Event
	EventErr error
	Notes    []mark.Mark // marks, and changes of states, the newest first
	Drill    string
	Began    time.Time // when the collector did
}

// Collector asks one lab again and again.
type Collector struct {
	src Source

	lab      *lab.Lab
	web      *http.Client
	services string // those that the lab was opened with

	began    time.Time
	counters counters
	history  history
	changes  changes
	watched  atomic.Int64 // when a page last asked, in Unix nanoseconds

	mu       sync.Mutex
	look     Look
	events   []Event
	eventErr error
	changed  chan struct{} // closed by the next look
}

// NewCollector returns a collector that has seen nothing yet.
func NewCollector(src Source) *Collector {
	now := time.Now()
	return &Collector{src: src, began: now, history: history{step: 1}, changed: make(chan struct{}), look: Look{At: now, Began: now}}
}

// Run looks until ctx ends.
func (c *Collector) Run(ctx context.Context) {
	var events sync.WaitGroup
	defer events.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	more := make(chan struct{}, 1)
	events.Go(func() { c.followEvents(ctx, more) })
	stored := -1.0
	wait.Every(ctx, Every, func() {
		if !c.due(time.Now()) {
			return
		}
		look := c.take(ctx)
		if look.Now.Stored != stored || look.Now.Stored == 0 || look.EventErr != nil {
			stored = look.Now.Stored
			select {
			case more <- struct{}{}:
			default:
			}
		}
		c.publish(look)
	})
}

// watch says that a page shows the lab.
func (c *Collector) watch() { c.watched.Store(time.Now().UnixNano()) }

// due tells whether it is time for a look: each time while somebody watches.
func (c *Collector) due(now time.Time) bool {
	look, _ := c.Look()
	watched := now.Sub(time.Unix(0, c.watched.Load())) < 3*Every
	return watched || look.Services == nil || now.Sub(look.At) > Unwatched-Every/2
}

// Look returns the newest look, and a channel that is closed when there is a newer one.
func (c *Collector) Look() (Look, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.look, c.changed
}

func (c *Collector) publish(look Look) {
	c.mu.Lock()
	defer c.mu.Unlock()
	look.Events, look.EventErr = c.events, c.eventErr
	c.look = look
	close(c.changed)
	c.changed = make(chan struct{})
}

// take asks for the states and the metrics at the same time.
func (c *Collector) take(ctx context.Context) Look {
	before, _ := c.Look()
	look := Look{At: time.Now(), Began: c.began, Drill: c.src.Drill(), EventErr: before.EventErr}
	if c.lab == nil {
		if look.Err = c.open(); look.Err != nil {
			return look
		}
	}
	var pages map[Place]metrics.Page
	var asking sync.WaitGroup
	asking.Go(func() { pages = c.pages(ctx, before.Services) })
	look.Services, look.Err = c.status(ctx)
	asking.Wait()
	c.reopen(look.Services)
	look.Lab = c.lab
	slices.SortStableFunc(look.Services, byNode(c.lab))
	look.Rates = c.counters.rates(look.At, pages)
	look.Now = sum(look.Services, look.Rates)
	c.history.add(look.At, look.Now)
	c.changes.see(look.At, look.Services)
	look.Notes = notes(c.changes.list, mark.Since(c.src.State, c.began))
	look.history.points = slices.Clone(c.history.points)
	return look
}

func (c *Collector) status(ctx context.Context) ([]lab.ServiceStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, lab.Allow(c.lab.Target, statusLimit))
	defer cancel()
	return c.lab.Target.Status(ctx)
}

func (c *Collector) open() error {
	l, err := c.src.Open()
	if err != nil {
		return err
	}
	c.lab = l
	c.web = &http.Client{Transport: &http.Transport{DialContext: l.Target.Dial, MaxIdleConnsPerHost: 2, IdleConnTimeout: 5 * time.Second}}
	return nil
}

// reopen describes the lab anew when it was brought up with other services or addresses.
func (c *Collector) reopen(rows []lab.ServiceStatus) {
	var names []string
	for _, r := range rows {
		names = append(names, r.Node+"/"+r.Service+"/"+r.Address)
	}
	slices.Sort(names)
	now := ""
	for _, n := range names {
		now += n + "\n"
	}
	if c.services != "" && now != c.services {
		_ = c.open() // the lab as it was serves until then
	}
	c.services = now
}

// pages reads the metrics of all services that run.
func (c *Collector) pages(ctx context.Context, rows []lab.ServiceStatus) map[Place]metrics.Page {
	ctx, cancel := context.WithTimeout(ctx, lab.Allow(c.lab.Target, metricsLimit))
	defer cancel()
	out := map[Place]metrics.Page{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, r := range rows {
		if r.Ops == "" || r.PID == 0 || r.State == lab.Frozen || !measured(r.Service) {
			continue
		}
		all.Go(func() {
			page, err := metrics.Get(ctx, c.web, r.Ops)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			out[Place{r.Node, r.Service}] = page
		})
	}
	all.Wait()
	return out
}

// byNode sorts services by the inventory's order of their nodes; those of a node keep theirs.
func byNode(l *lab.Lab) func(a, b lab.ServiceStatus) int {
	at := map[string]int{}
	for i, n := range l.Inventory.Nodes {
		at[n.Name] = i
	}
	return func(a, b lab.ServiceStatus) int { return cmp.Compare(at[a.Node], at[b.Node]) }
}
