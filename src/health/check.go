package health

import (
	"context"
	"slices"
	"strings"
	"time"

	"chatlab/src/errs"
	"chatlab/src/zbx"
)

// Check answers one item key.
type Check struct {
	Key     string        // name of the item key, without parameters
	About   string        // its parameters, and what the value is, in one line
	Keep    time.Duration // how long a result is given again, a failure too; 0: not at all
	Timeout time.Duration // bounds Run; 0: the timeout of all

	// Run returns the value. Fails with code bad_request when the parameters make no
	// sense, failed when there is no value; it returns when ctx ends.
	Run func(ctx context.Context, params []string) (string, error)
}

// Config says what the checks ask.
type Config struct {
	Node     string // this machine's name in the lab
	Version  string // of healthd
	DataDir  string // folder of the account; "": checks that sign in are not supported
	Services Services
	Certs    []string // PEM files

	MariaDB Pinger        // nil: none
	Cluster ClusterMember // nil: MariaDB is in no cluster
	Members int           // that the cluster should have
	MongoDB Pinger        // nil: none
	ByLogd  bool          // only log servers may ask MongoDB: ask them
}

// timeout bounds a check: less than the default of a Zabbix server, 3 s.
const timeout = 2500 * time.Millisecond

// dear is how long the result of a check that makes work for others is kept.
const dear = 10 * time.Second

// table lists the checks, sorted by key. It is where a new check goes.
func table(cfg Config) []Check {
	var (
		account = newAccount(cfg.DataDir, cfg.Node)
		scraper = newScraper()
		lag     = newLag(cfg.Services, account)
	)
	return []Check{
		{Key: "agent.hostname", About: "the node's name", Run: constant(cfg.Node)},
		{Key: "agent.ping", About: "1, while healthd answers", Run: constant("1")},
		{Key: "agent.version", About: "healthd's version", Run: constant(cfg.Version)},
		{Key: "chatlab.auth.login", Keep: dear, Run: cfg.Services.login(account),
			About: "[HOST:PORT] milliseconds of a sign-in with that authd, without it the slowest of all"},
		{Key: "chatlab.cert.days", Keep: time.Minute, Run: certDays(cfg.Certs, cfg.Services.Logd),
			About: "[FILE or HOST:PORT] days until that certificate ends, without it the first of all configured ones and logd's"},
		{Key: "chatlab.chat.roundtrip", Keep: dear, Run: cfg.Services.roundTrip(account),
			About: "[HOST:PORT] milliseconds until a line said to that chatd comes back, without it the slowest of all"},
		{Key: "chatlab.discovery", Run: cfg.Services.discovery(cfg.Node),
			About: "[SERVICE] the members of that service, or of all, for low-level discovery (JSON)"},
		{Key: "chatlab.events.backlog", Run: cfg.Services.backlog(scraper),
			About: "[auth|chat] bytes of events in the spools of that service's loggers, without it of both"},
		{Key: "chatlab.events.lag", Keep: dear, Run: lag.run,
			About: "[auth|chat] seconds until an event of that service is stored, without it the slower of both"},
		{Key: "chatlab.expected", Run: cfg.Services.expected, About: "[SERVICE] how many members of auth, chat or logd there should be"},
		{Key: "chatlab.galera", Run: galera(cfg.Cluster, cfg.Members), About: "what mariadb says of its Galera cluster: members, quorum, state, queue (JSON)"},
		{Key: "chatlab.mariadb.ping", Run: ping("mariadb", cfg.MariaDB), About: "1 when mariadb answers, else 0"},
		{Key: "chatlab.members", Timeout: memberLimit, Run: cfg.Services.count, About: "[SERVICE] how many members of auth, chat or logd are up"},
		{Key: "chatlab.metric", Run: cfg.Services.metric(scraper),
			About: `[DAEMON,NAME] a metric of auth, chat, logd, auth_logger or chat_logger, summed; NAME may have labels: "a_total{call=\"login\"}"`},
		{Key: "chatlab.mongodb.ping", Run: pingMongoDB(cfg), About: "1 when mongodb answers, else 0"},
		{Key: "chatlab.up", Run: cfg.Services.up,
			About: "[SERVICE] 1 when every member of auth, chat or logd is up, else 0; [SERVICE,HOST:PORT] of one member"},
	}
}

// Checks finds the check of a key.
type Checks struct {
	all  []Check
	kept []*kept // results of each that keeps them
}

// New makes the checks. It waits for nobody. Fails with code usage.
func New(cfg Config) (*Checks, error) {
	if _, err := cfg.Services.list(); err != nil {
		return nil, err
	}
	c := &Checks{all: table(cfg)}
	for _, check := range c.all {
		c.kept = append(c.kept, newKept(check))
	}
	return c, nil
}

// All returns the checks, sorted by key.
func (c *Checks) All() []Check { return c.all }

// Value returns the value of an item key. Fails with bad_request, not_found (an
// unknown key) and failed.
func (c *Checks) Value(ctx context.Context, key string) (string, error) {
	name, params, err := zbx.ParseKey(key)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(c.all, func(check Check) bool { return check.Key == name })
	if i < 0 {
		// In the words of Zabbix's agent.
		return "", errs.E(errs.NotFound, "Unsupported item key.").WithFix("`healthd list` names the keys")
	}
	limit := c.all[i].Timeout
	if limit == 0 {
		limit = timeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	value, err := c.kept[i].value(ctx, params)
	if err != nil && ctx.Err() != nil {
		return "", errs.Wrap(err, errs.Failed, "Timeout while the check was running.")
	}
	return value, err
}

func constant(value string) func(context.Context, []string) (string, error) {
	return func(_ context.Context, params []string) (string, error) { return value, noParams(params) }
}

// noParams refuses parameters.
func noParams(params []string) error {
	if len(params) > 0 && !(len(params) == 1 && params[0] == "") {
		return errs.E(errs.BadRequest, "Too many parameters.")
	}
	return nil
}

// oneOf returns the parameter, which must be one of the choices; "" where there is none.
func oneOf(params []string, choices ...string) (string, error) {
	switch {
	case len(params) > 1:
		return "", errs.E(errs.BadRequest, "Too many parameters.")
	case len(params) == 0 || params[0] == "":
		return "", nil
	case !slices.Contains(choices, params[0]):
		return "", errs.E(errs.BadRequest, "Give %s.", strings.Join(choices, " or "))
	}
	return params[0], nil
}

// clip bounds what an answer repeats of a request.
func clip(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
