package check

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"chatlab/src/event"
	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
	"chatlab/src/mongodb"
	"chatlab/src/token"
)

// stepTimeout bounds one shared step of the journey.
const stepTimeout = 10 * time.Second

// patience is how long a server has to close the connection of a stranger, who
// would else hold the run up.
const patience = 3 * time.Second

// password of the journey's users.
const password = "chk pässword/1"

// Journey is what the checks of one run share: the lab, and the user's way
// through it. Each step is taken once, when a check first needs it.
type Journey struct {
	// Waiting, unless nil, is called from time to time with the check whose result a
	// run waits for.
	Waiting func(Check)

	lab   *lab.Lab
	log   EventLog
	http  *http.Client
	roots *x509.CertPool // of the public listeners with TLS
	rsa   func() (*rsa.PrivateKey, error)
	tag   string // prefix of every name of this run
	from  time.Time

	patience  time.Duration // how long a server has to turn a stranger away
	eventWait time.Duration // how long an event may take to the log database

	people        [3]*person
	taken         func() (reply, error) // a sign-up with the id of the first user
	wrongPassword func() (reply, error)
	unknownID     func() (reply, error)
	talk          func() (*talk, error)
	logged        func() (*journal, error)
	looks         looks
	look          func() ([]mongodb.Record, error)
	documents     map[event.ID]mongodb.Record // that were looked up
	watch         func() (*watched, error)    // what Zabbix knows of the lab
	panelWait     time.Duration               // how long a panel may take to have values
}

// person is one user of the journey.
type person struct {
	n        int // 0, 1, 2: with several chat servers each user has another
	name     string
	email    string
	signup   func() (reply, error)
	login    func() (reply, error) // signed up before
	token    string                // set by login
	signedIn time.Time             // set by login: just before it
}

// New makes the journey of one run; ctx is that of the run. events may be nil
// where the log database cannot be read: those checks are skipped then.
func New(ctx context.Context, l *lab.Lab, events EventLog) *Journey {
	var random [5]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails
	roots := rootsOf(l.Target)
	j := &Journey{
		lab: l, log: events, http: newHTTP(l.Target, roots), roots: roots, rsa: newRSA(),
		tag: "chk" + hex.EncodeToString(random[:]), from: time.Now(), documents: map[event.ID]mongodb.Record{},
		patience: lab.Allow(l.Target, patience), eventWait: lab.Allow(l.Target, eventDeadline), panelWait: lab.Allow(l.Target, panelLimit),
	}
	for i := range j.people {
		j.people[i] = j.newPerson(ctx, i)
	}
	j.taken = step(ctx, j, func(ctx context.Context) (reply, error) {
		if _, err := j.member(0); err != nil {
			return reply{}, err
		}
		p := j.people[0]
		return j.auth(ctx, signupCall(strings.ToUpper(p.name), password, p.email))
	})
	j.wrongPassword = step(ctx, j, func(ctx context.Context) (reply, error) {
		if _, err := j.member(0); err != nil {
			return reply{}, err
		}
		return j.auth(ctx, loginCall(j.people[0].name, password+"x"))
	})
	j.unknownID = step(ctx, j, func(ctx context.Context) (reply, error) {
		return j.auth(ctx, loginCall(j.name("ghost"), password))
	})
	j.talk = step(ctx, j, j.converse)
	j.look = func() ([]mongodb.Record, error) { return j.readRun(ctx) }
	j.logged = sync.OnceValues(func() (*journal, error) { return j.readLog(ctx) })
	j.watch = sync.OnceValues(func() (*watched, error) { return j.watched(ctx) })
	return j
}

// Close waits for a look at the log that goes on, and drops the connections that
// the run kept.
func (j *Journey) Close() {
	j.looks.tasks.Wait()
	j.http.CloseIdleConnections()
}

// step makes a shared step: taken once, with a time limit of its own. ctx is the
// run's: the step must not end with the check that happened to need it first.
func step[T any](ctx context.Context, j *Journey, take func(ctx context.Context) (T, error)) func() (T, error) {
	return sync.OnceValues(func() (T, error) {
		ctx, cancel := context.WithTimeout(ctx, j.allow(stepTimeout))
		defer cancel()
		return take(ctx)
	})
}

// allow returns a time limit as the lab's machines need it.
func (j *Journey) allow(limit time.Duration) time.Duration {
	if j == nil || j.lab == nil { // checks of no lab, as the engine's own tests have
		return limit
	}
	return lab.Allow(j.lab.Target, limit)
}

// name makes a name, of a user or a room, that only this run uses.
func (j *Journey) name(suffix string) string { return j.tag + suffix }

func (j *Journey) newPerson(ctx context.Context, n int) *person {
	p := &person{n: n, name: j.name(string(rune('a' + n)))}
	p.email = p.name + "@example.org"
	p.signup = step(ctx, j, func(ctx context.Context) (reply, error) {
		c := signupCall(p.name, password, p.email)
		c.node = n
		return j.auth(ctx, c)
	})
	p.login = step(ctx, j, func(ctx context.Context) (reply, error) {
		r, err := p.signup()
		if err != nil {
			return reply{}, fmt.Errorf("sign-up of %s: %w", p.name, err)
		}
		if r.status/100 != 2 {
			return reply{}, failf("a signed-up user", "the sign-up of %s got %d %s", p.name, r.status, r.body)
		}
		p.signedIn = time.Now()
		id := p.name
		if n == 1 {
			id = strings.ToUpper(id) // ids are compared without case, and kept as given
		}
		c := loginCall(id, password)
		c.node = n + 1 // another than the sign-up's: they share their users
		r, err = j.auth(ctx, c)
		p.token = tokenIn(r)
		return r, err
	})
	return p
}

// member returns one of the three users, signed in.
func (j *Journey) member(i int) (person, error) {
	p := j.people[i]
	r, err := p.login()
	if err != nil {
		return *p, err
	}
	if p.token == "" {
		return *p, failf("a signed-in user", "the sign-in of %s got %d %s", p.name, r.status, r.body)
	}
	return *p, nil
}

func loginCall(id, passwd string) call {
	return call{method: http.MethodPost, path: "/auth/login", body: fmt.Sprintf(`{"id":%s,"passwd":%s}`, jsonText(id), jsonText(passwd))}
}

func signupCall(id, passwd, email string) call {
	return call{method: http.MethodPost, path: "/auth/signup",
		body: fmt.Sprintf(`{"id":%s,"passwd":%s,"email":%s}`, jsonText(id), jsonText(passwd), jsonText(email))}
}

// endpoint is where one node serves.
type endpoint struct{ node, addr string }

// serving returns where the members of a part serve.
func (j *Journey) serving(part string) []endpoint {
	var out []endpoint
	for _, n := range j.lab.Inventory.Members(part) {
		out = append(out, endpoint{n.Name, j.lab.Inventory.Address(part, n)})
	}
	return out
}

// first returns the first member of a part.
func (j *Journey) first(part string) (endpoint, error) {
	all := j.serving(part)
	if len(all) == 0 {
		return endpoint{}, fmt.Errorf("the inventory has no %s", part)
	}
	return all[0], nil
}

// has needs a part of the lab.
func has(part string) Need {
	return func(j *Journey) string {
		if len(j.lab.Inventory.Members(part)) == 0 {
			return "the lab has no " + part
		}
		return ""
	}
}

// hasKey needs the key that tokens are signed with.
func hasKey(j *Journey) string { return j.lacksSecret("jwt.key") }

// hasCertificate needs a client certificate of the lab's CA.
func hasCertificate(j *Journey) string {
	for _, name := range []string{"ca.pem", "operator.pem", "operator.key"} {
		if reason := j.lacksSecret(name); reason != "" {
			return reason
		}
	}
	return ""
}

// hasLog needs the log database.
func hasLog(j *Journey) string {
	if j.log == nil {
		return "the target does not let the log database be read"
	}
	return ""
}

func (j *Journey) lacksSecret(name string) string {
	path, err := j.lab.Target.Secret(name)
	if err != nil {
		return fmt.Sprintf("target %s does not give %s: %v", j.lab.Target.Name(), name, err)
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Sprintf("%s cannot be read here: %v", name, err)
	}
	return ""
}

// signingKey reads the key that the lab signs tokens with now.
func (j *Journey) signingKey() ([]byte, error) {
	path, err := j.lab.Target.Secret("jwt.key")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	keys, err := token.ParseKeys(text)
	if err != nil {
		return nil, err
	}
	return keys[0], nil
}

// group gives checks of one part what they have in common.
func (j *Journey) group(part, hint string, checks []Check) []Check {
	for i := range checks {
		c := &checks[i]
		c.Needs = append([]Need{has(part)}, c.Needs...)
		if members := j.lab.Inventory.Members(part); c.Node == "" && len(members) > 0 {
			c.Node = members[0].Name
		}
		if c.Hint == "" {
			c.Hint = hint
		}
	}
	return checks
}

// parts of a lab, as the inventory calls them.
const (
	partAuth   = inventory.Authd
	partChat   = inventory.Chatd
	partLogd   = inventory.Logd
	partHealth = inventory.Healthd
	partMongo  = inventory.MongoDB
	partMaria  = inventory.MariaDB
)
