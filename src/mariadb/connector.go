package mariadb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"chatlab/src/errs"
)

// dialTimeout bounds the attempt at one address, handshake included, so that
// one dead server does not use up the time of a call.
const dialTimeout = 2 * time.Second

// mode makes the server refuse what it would otherwise cut or mend.
const mode = `'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'`

// connector connects to the first address that takes it. Each new connection
// begins with the first again.
type connector struct {
	addresses []string
	each      []driver.Connector
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
	secret, err := password(cfg.PasswordFile)
	if err != nil {
		return nil, err
	}
	c := &connector{addresses: cfg.Addresses}
	for _, addr := range cfg.Addresses {
		one, err := mysql.NewConnector(driverConfig(cfg, addr, secret, limit))
		if err != nil {
			return nil, errs.E(errs.Usage, "database address %q: %w", addr, err)
		}
		c.each = append(c.each, one)
	}
	return c, nil
}

func driverConfig(cfg Config, addr, secret string, limit time.Duration) *mysql.Config {
	m := mysql.NewConfig()
	m.Net, m.Addr = "tcp", addr
	if addr != "" && addr[0] == '/' {
		m.Net = "unix"
	}
	m.User, m.Passwd, m.DBName = cfg.User, secret, cfg.Name
	m.Collation = "utf8mb4_bin"
	m.ParseTime = true
	m.ClientFoundRows = true // an update to the same value found its row
	m.RejectReadOnly = true  // a demoted server is one to leave
	m.Timeout, m.ReadTimeout, m.WriteTimeout = dialTimeout, limit, limit
	m.Params = map[string]string{"sql_mode": mode, "time_zone": "'+00:00'"}
	m.Logger = &mysql.NopLogger{} // the errors that it prints are returned as well
	return m
}

// Connect tries the addresses in order and returns all their errors if none
// takes the connection.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	var all []error
	for i, one := range c.each {
		conn, err := connect(ctx, one)
		if err == nil {
			return conn, nil
		}
		all = append(all, fmt.Errorf("%s: %w", c.addresses[i], err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(all...)
}

func connect(ctx context.Context, one driver.Connector) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return one.Connect(ctx)
}

// Driver is part of driver.Connector.
func (c *connector) Driver() driver.Driver { return c.each[0].Driver() }
