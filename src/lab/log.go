package lab

import (
	"chatlab/src/mongodb"
	"chatlab/src/mtls"
)

// OpenLog connects to the log database of a lab: as its user, or by the operator's
// certificate where the database knows no users. Codes: not_found (a secret is
// missing), usage.
func OpenLog(t Target) (*mongodb.Log, error) {
	cfg := mongodb.Config{URI: t.MongoURI(), User: t.MongoUser()}
	var err error
	if cfg.User != "" {
		cfg.PasswordFile, err = t.Secret("mongodb.password")
	} else {
		cfg.TLS, err = OperatorFiles(t)
	}
	if err != nil {
		return nil, err
	}
	return mongodb.OpenThrough(cfg, t.Dial)
}

// OperatorFiles returns the files of the operator's certificate. Fails with code
// not_found.
func OperatorFiles(t Target) (f mtls.Files, err error) {
	for name, to := range map[string]*string{"ca.pem": &f.CA, "operator.pem": &f.Cert, "operator.key": &f.Key} {
		if *to, err = t.Secret(name); err != nil {
			return f, err
		}
	}
	return f, nil
}
