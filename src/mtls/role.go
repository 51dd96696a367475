package mtls

import (
	"crypto/x509"
	"net/url"
	"regexp"

	"chatlab/src/errs"
)

// Role is the part of the lab that a certificate stands for.
type Role string

// The roles of a lab. Each listener admits those it names and no others.
const (
	Operator     Role = "operator"      // the person who runs `lab`
	Authd        Role = "authd"         // authd's private listener
	AuthdLogger  Role = "authd-logger"  // the logger of authd, towards logd
	Chatd        Role = "chatd"         // a chat server's routes, in and out
	ChatdAuthd   Role = "chatd-authd"   // a chat server, towards authd's private listener
	ChatdLogger  Role = "chatd-logger"  // the logger of chatd, towards logd
	Logd         Role = "logd"          // logd's listener, and logd towards the log database
	MongoDB      Role = "mongodb"       // the listener of the log database
	Healthd      Role = "healthd"       // healthd, which Zabbix's server asks
	ZabbixAgent  Role = "zabbix-agent"  // Zabbix's agent, which its server asks
	ZabbixServer Role = "zabbix-server" // Zabbix's server

	AuthPublic Role = "auth-public" // authd's listener for users
	ChatPublic Role = "chat-public" // chatd's listener for users
)

// Identity is the holder of a certificate: a role on a node of the lab.
type Identity struct {
	Role Role
	Node string
}

// admitted lists the roles that may connect to each listener.
var admitted = map[Role][]Role{
	Authd:       {ChatdAuthd, Operator},
	Chatd:       {Chatd},
	Logd:        {AuthdLogger, ChatdLogger, Operator},
	MongoDB:     {Logd, Operator},
	Healthd:     {ZabbixServer, Operator},
	ZabbixAgent: {ZabbixServer},
}

// Admitted returns the roles that may connect to the listener of a role.
func Admitted(listener Role) []Role { return admitted[listener] }

const scheme = "chatlab"

// URI returns the identity as a certificate holds it: chatlab://ROLE/NODE.
func (i Identity) URI() *url.URL {
	return &url.URL{Scheme: scheme, Host: string(i.Role), Path: "/" + i.Node}
}

func (i Identity) String() string { return i.URI().String() }

// form is that of an identity: nothing in it needs an escape.
var form = regexp.MustCompile(`^chatlab://([a-z0-9-]+)/([A-Za-z0-9_.-]+)$`)

// IdentityOf returns the holder of a certificate. Fails with code usage if the
// certificate names none, or several.
func IdentityOf(cert *x509.Certificate) (Identity, error) {
	var found []Identity
	for _, u := range cert.URIs {
		if part := form.FindStringSubmatch(u.String()); part != nil {
			found = append(found, Identity{Role(part[1]), part[2]})
		}
	}
	if len(found) != 1 {
		return Identity{}, errs.E(errs.Usage, "the certificate %q names %d roles, not one", cert.Subject.CommonName, len(found))
	}
	return found[0], nil
}
