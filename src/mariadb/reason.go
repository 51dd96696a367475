package mariadb

import (
	"errors"

	"github.com/go-sql-driver/mysql"

	"chatlab/src/auth"
	"chatlab/src/errs"
)

// Errors of a server that takes no writes.
const (
	readOnly     = 1290 // ER_OPTION_PREVENTS_STATEMENT: read_only
	readOnlyNow  = 1792 // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
	readOnlyMode = 1836 // ER_READ_ONLY_MODE
)

// reasons are what people are told of a server's error.
var reasons = map[uint16]string{
	readOnly: "the database is read-only", readOnlyNow: "the database is read-only", readOnlyMode: "the database is read-only",
	accessDenied: "the database does not take authd's password",
	1044:         "the database does not let authd in",        // ER_DBACCESS_DENIED_ERROR
	1049:         "the database does not exist",               // ER_BAD_DB_ERROR
	1142:         "the database refuses authd a right",        // ER_TABLEACCESS_DENIED_ERROR
	1146:         "the database's schema is not complete yet", // ER_NO_SUCH_TABLE
	1021:         "the database's disk is full",               // ER_DISK_FULL
	1114:         "the database's disk is full",               // ER_RECORD_FILE_FULL
	notPrepared:  "the database has lost its cluster",
}

// away gives an error of the database its code and words.
func away(err error) error {
	var known *errs.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	var fault *mysql.MySQLError
	if errors.As(err, &fault) && reasons[fault.Number] != "" {
		return auth.StoreAway(err, reasons[fault.Number])
	}
	return auth.StoreAway(err, "the database is away")
}
