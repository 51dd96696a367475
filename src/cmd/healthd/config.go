package main

import (
	"cmp"
	"crypto/tls"
	"time"

	"chatlab/src/app"
	"chatlab/src/health"
	"chatlab/src/mariadb"
	"chatlab/src/mongodb"
	"chatlab/src/mtls"
	"chatlab/src/zbx"
)

// config is healthd's configuration.
type config struct {
	Listen string `mapstructure:"listen" usage:"host:port for passive checks"`
	Ops    struct {
		Listen string `mapstructure:"listen" usage:"host:port of /metrics, /healthz and /readyz"`
	} `mapstructure:"ops"`
	LogLevel string          `mapstructure:"log_level" usage:"debug, info, warn or error"`
	Node     string          `mapstructure:"node" usage:"this machine's name in the lab"`
	DataDir  string          `mapstructure:"data_dir" usage:"folder for the account of the checks (none: checks that sign in are not supported)"`
	Allow    []string        `mapstructure:"allow" usage:"addresses, networks and names that may ask"`
	TLS      mtls.Files      `mapstructure:"tls"`
	Services health.Services `mapstructure:"services"`
	MariaDB  mariaConfig     `mapstructure:"mariadb"`
	MongoDB  mongodb.Config  `mapstructure:"mongodb"`
	ByLogd   bool            `mapstructure:"mongodb_by_logd" usage:"ask the log servers whether the log database answers: it admits no others"`
	Certs    []string        `mapstructure:"certs" usage:"PEM files whose end chatlab.cert.days tells"`
	Active   activeConfig    `mapstructure:"active"`
}

type mariaConfig struct {
	Addresses    []string `mapstructure:"addresses" usage:"host:port, or the path of a unix socket, of the MariaDB servers"`
	Name         string   `mapstructure:"name" usage:"database"`
	User         string   `mapstructure:"user" usage:"user, who needs no rights"`
	PasswordFile string   `mapstructure:"password_file" usage:"file whose first line is the password"`
	Members      int      `mapstructure:"members" usage:"servers that its Galera cluster should have (0: it is in none)"`
}

// activeConfig says for whom healthd is an active agent, and where send sends.
type activeConfig struct {
	Servers  []string      `mapstructure:"servers" usage:"host:port of the trappers of Zabbix servers (none: no active checks)"`
	Host     string        `mapstructure:"host" usage:"this host's name in Zabbix, by default node"`
	Metadata string        `mapstructure:"metadata" usage:"host metadata for autoregistration"`
	Refresh  time.Duration `mapstructure:"refresh" usage:"time between looks for changed items"`
	Flush    time.Duration `mapstructure:"flush" usage:"time between sendings"`
	Buffer   int           `mapstructure:"buffer" usage:"values kept while a server is away"`
}

func defaults() config {
	c := config{Listen: "127.0.0.1:10060", LogLevel: "info", Node: "local", Allow: []string{"127.0.0.1"}}
	c.Ops.Listen = "127.0.0.1:9060"
	c.Active = activeConfig{Refresh: 2 * time.Minute, Flush: 5 * time.Second, Buffer: 10_000}
	c.MongoDB = mongodb.Config{Database: "chatlab", Collection: "Logdata"}
	return c
}

// agent is what answers keys, and what it holds open.
type agent struct {
	checks *health.Checks
	close  []func() error
}

func (a *agent) Close() {
	for _, f := range a.close {
		_ = f()
	}
}

// newAgent makes the checks. It waits for nobody. Fails with code usage.
func newAgent(cfg config) (*agent, error) {
	a := &agent{}
	maria, member, err := a.openMaria(cfg.MariaDB)
	if err != nil {
		return nil, err
	}
	mongo, err := a.openMongo(cfg.MongoDB)
	if err != nil {
		a.Close()
		return nil, err
	}
	a.checks, err = health.New(health.Config{
		Node: cfg.Node, Version: app.Version(), DataDir: cfg.DataDir, Services: cfg.Services, Certs: cfg.Certs,
		MariaDB: maria, Cluster: member, Members: cfg.MariaDB.Members, MongoDB: mongo, ByLogd: cfg.ByLogd,
	})
	if err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// openMaria returns what asks MariaDB; the member is nil where it is in no cluster.
func (a *agent) openMaria(cfg mariaConfig) (health.Pinger, health.ClusterMember, error) {
	if len(cfg.Addresses) == 0 {
		return nil, nil, nil
	}
	p, err := mariadb.OpenPinger(mariadb.Config{Addresses: cfg.Addresses, Name: cfg.Name, User: cfg.User, PasswordFile: cfg.PasswordFile})
	if err != nil {
		return nil, nil, err
	}
	a.close = append(a.close, p.Close)
	if cfg.Members < 2 {
		return p, nil, nil
	}
	return p, p, nil
}

func (a *agent) openMongo(cfg mongodb.Config) (health.Pinger, error) {
	if cfg.URI == "" {
		return nil, nil
	}
	log, err := mongodb.Open(cfg)
	if err != nil {
		return nil, err
	}
	a.close = append(a.close, log.Close)
	return log, nil
}

// serverTLS admits Zabbix's server, and the operator, for `lab check`. It is nil
// without certificates.
func (c config) serverTLS() (*tls.Config, error) {
	return c.tls(mtls.Server, mtls.Admitted(mtls.Healthd)...)
}

// clientTLS is for the trappers of Zabbix's server. It is nil without certificates.
func (c config) clientTLS() (*tls.Config, error) { return c.tls(mtls.Client, mtls.ZabbixServer) }

// tls admits TLS 1.2: Zabbix's programs on older systems know nothing above it.
func (c config) tls(load func(mtls.Files, ...mtls.Role) (*tls.Config, error), roles ...mtls.Role) (*tls.Config, error) {
	if !c.TLS.Set() {
		return nil, nil
	}
	t, err := load(c.TLS, roles...)
	if err != nil {
		return nil, err
	}
	t.MinVersion = tls.VersionTLS12
	return t, nil
}

// trappers are the servers that values are sent to. Fails with code usage.
func (c config) trappers() ([]zbx.Peer, error) {
	t, err := c.clientTLS()
	if err != nil {
		return nil, err
	}
	var out []zbx.Peer
	for _, addr := range c.Active.Servers {
		if err := checkAddress(addr); err != nil {
			return nil, err
		}
		out = append(out, zbx.Peer{Addr: addr, TLS: t, Timeout: 5 * time.Second, Compress: true})
	}
	return out, nil
}

func (c config) host() string { return cmp.Or(c.Active.Host, c.Node) }
