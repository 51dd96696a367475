package mariadb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"chatlab/src/dial"
	"chatlab/src/errs"
)

// dialTimeout bounds the attempt at one address, handshake included, so that
// one dead server does not use up the time of a call.
const dialTimeout = 2 * time.Second

// dialOneOf and silence are how long a machine may be silent, when a connection is
// made and later, where there are several servers.
const (
	dialOneOf = time.Second
	silence   = 1500 * time.Millisecond
)

// distrust is how long an address that failed is tried after all others.
const distrust = 5 * time.Second

// mode makes the server refuse what it would otherwise cut or mend.
const mode = `'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'`

// accessDenied is ER_ACCESS_DENIED_ERROR.
const accessDenied = 1045

// connector connects to the first address that takes it and is ready. Each new
// connection begins with the first again, unless that failed a moment ago, and
// reads the passwords again: they are rotated by rewriting the file, without a
// restart.
type connector struct {
	each         []*mysql.Config // one for each address, without password
	passwordFile string

	mu     sync.Mutex
	failed map[string]time.Time // when an address failed last
	latest string               // the address that took the latest connection
}

// newConnector makes connections on which no read or write takes longer than
// limit. Fails with code usage.
func newConnector(cfg Config, limit time.Duration) (*connector, error) {
	if len(cfg.Addresses) == 0 {
		return nil, errs.E(errs.Usage, "database.addresses is empty")
	}
	if cfg.Name == "" || cfg.User == "" {
		return nil, errs.E(errs.Usage, "database.name and database.user are needed")
	}
	if _, err := passwords(cfg.PasswordFile); err != nil {
		return nil, err
	}
	c := &connector{passwordFile: cfg.PasswordFile, failed: map[string]time.Time{}}
	for _, addr := range cfg.Addresses {
		one := driverConfig(cfg, addr, limit)
		if len(cfg.Addresses) > 1 {
			one.DialFunc = dial.Dialer(dialOneOf, silence).DialContext
		}
		if _, err := mysql.NewConnector(one.Clone()); err != nil {
			return nil, errs.E(errs.Usage, "database address %q: %w", addr, err)
		}
		c.each = append(c.each, one)
	}
	return c, nil
}

func driverConfig(cfg Config, addr string, limit time.Duration) *mysql.Config {
	m := mysql.NewConfig()
	m.Net, m.Addr = "tcp", addr
	if addr != "" && addr[0] == '/' {
		m.Net = "unix"
	}
	m.User, m.DBName = cfg.User, cfg.Name
	m.Collation = "utf8mb4_bin"
	m.ParseTime = true
	m.ClientFoundRows = true // an update to the same value found its row
	m.Timeout, m.ReadTimeout, m.WriteTimeout = dialTimeout, limit, limit
	m.Params = map[string]string{"sql_mode": mode, "time_zone": "'+00:00'"}
	m.Logger = &mysql.NopLogger{} // the errors that it prints are returned as well
	return m
}

// Connect tries the addresses in order and returns all their errors if none
// takes the connection.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	secrets, err := passwords(c.passwordFile)
	if err != nil {
		return nil, err
	}
	var all []error
	for _, one := range c.order(time.Now()) {
		conn, err := c.connectReady(ctx, one, secrets)
		if err == nil {
			return conn, nil
		}
		all = append(all, fmt.Errorf("%s: %w", one.Addr, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(all...)
}

// several tells whether there is another server to go to.
func (c *connector) several() bool { return len(c.each) > 1 }

// order is that of the addresses, those that failed lately at the end.
func (c *connector) order(now time.Time) []*mysql.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	var well, ill []*mysql.Config
	for _, one := range c.each {
		if at, ok := c.failed[one.Addr]; ok && now.Sub(at) < distrust {
			ill = append(ill, one)
		} else {
			well = append(well, one)
		}
	}
	return append(well, ill...)
}

// blame distrusts the address of the latest connection.
func (c *connector) blame(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed[c.latest] = now
}

// connectReady connects to one address, and notes how that went.
func (c *connector) connectReady(ctx context.Context, one *mysql.Config, secrets []string) (driver.Conn, error) {
	conn, err := connect(ctx, one, secrets)
	if err == nil && c.several() {
		if err = ready(ctx, conn); err != nil {
			_ = conn.Close()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.failed[one.Addr] = time.Now()
		return nil, err
	}
	delete(c.failed, one.Addr)
	c.latest = one.Addr
	return conn, nil
}

// connect tries the passwords in order until the server takes one, or fails
// for another reason.
func connect(ctx context.Context, one *mysql.Config, secrets []string) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var err error
	for _, secret := range secrets {
		cfg := one.Clone()
		cfg.Passwd = secret
		var with driver.Connector
		if with, err = mysql.NewConnector(cfg); err != nil {
			return nil, err
		}
		var conn driver.Conn
		if conn, err = with.Connect(ctx); err == nil {
			return conn, nil
		}
		var fault *mysql.MySQLError
		if !errors.As(err, &fault) || fault.Number != accessDenied {
			break
		}
	}
	return nil, err
}

// Driver is part of driver.Connector.
func (c *connector) Driver() driver.Driver { return &mysql.MySQLDriver{} }
