package mariadb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// Errors of servers of a Galera cluster, see the [error codes] of MariaDB.
//
// [error codes]: https://mariadb.com/kb/en/mariadb-error-code-reference/
const (
	unknownVariable = 1193 // ER_UNKNOWN_SYSTEM_VARIABLE: it was built without Galera
	notPrepared     = 1047 // ER_UNKNOWN_COM_ERROR: it is not in touch with the larger part of the cluster
	shuttingDown    = 1053 // ER_SERVER_SHUTDOWN
	killed          = 1927 // ER_CONNECTION_KILLED
	conflict        = 1213 // ER_LOCK_DEADLOCK: another server was first, as of a deadlock
	notInSync       = 1205 // ER_LOCK_WAIT_TIMEOUT: it cannot wait for the others' writes while they decide who is there
)

// ready tells why a server should not be used although it takes connections: it
// is a member of a Galera cluster that has not all data, or that is not in touch
// with the larger part of it. The status wsrep_ready says so; asked for where
// Galera is switched on only, as it is OFF without.
func ready(ctx context.Context, conn driver.Conn) error {
	const question = `SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'wsrep_ready' AND @@GLOBAL.wsrep_on`
	asks, ok := conn.(driver.QueryerContext)
	if !ok {
		return fmt.Errorf("a connection of %T cannot be asked", conn)
	}
	rows, err := asks.QueryContext(ctx, question, nil)
	var fault *mysql.MySQLError
	if errors.As(err, &fault) && fault.Number == unknownVariable {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	value := make([]driver.Value, 1)
	if rows.Next(value) != nil { // none: Galera is switched off
		return nil
	}
	if text := fmt.Sprintf("%s", value[0]); text != "ON" {
		return errors.New("the server is not ready: wsrep_ready is " + text)
	}
	return nil
}
