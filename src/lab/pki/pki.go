// Package pki is the certificate authority of one lab: a random CA for each
// deployment, and certificates for its parts, ECDSA P-256, renewed when they
// near their end. Private keys are files that only their owner reads.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"chatlab/src/errs"
	"chatlab/src/files"
	"chatlab/src/mtls"
)

// How long certificates are valid, and how long before their end they are
// made anew. A lab that is brought up at least once a month never sees an end.
const (
	caValidity   = 10 * 365 * 24 * time.Hour
	caRenewal    = 400 * 24 * time.Hour // more than a leaf lives
	leafValidity = 365 * 24 * time.Hour
	leafRenewal  = 60 * 24 * time.Hour
	clockSkew    = time.Hour // clocks of other machines may be late
)

// The names of the authority; Zabbix's agent compares them as text.
const (
	authority    = "chatlab lab CA"
	organization = "chatlab"
)

// Authority signs the certificates of one lab.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Open reads the authority in a folder, ca.pem and ca.key, or makes a new one
// if there is none, it cannot be used any more or it nears its end. Fails with
// code failed.
func Open(dir string, now time.Time) (*Authority, error) {
	if a := Found(dir, now); a != nil {
		return a, nil
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: authority, Organization: []string{organization}},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(caValidity),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, errs.E(errs.Failed, "lab CA: %w", err)
	}
	cert, err := write(dir, "ca", template, template, key, key)
	if err != nil {
		return nil, err
	}
	return &Authority{dir, cert, key}, nil
}

// Found returns the authority in a folder, or nil where Open would make one.
func Found(dir string, now time.Time) *Authority {
	cert, key, err := read(dir, "ca")
	if err == nil && cert.IsCA && now.After(cert.NotBefore) && cert.NotAfter.Sub(now) > caRenewal {
		return &Authority{dir, cert, key}
	}
	return nil
}

// Ends returns when a pair of a folder ends. Fails where there is no good pair.
func Ends(dir, name string) (time.Time, error) {
	cert, _, err := read(dir, name)
	if err != nil {
		return time.Time{}, err
	}
	return cert.NotAfter, nil
}

// Subject is the holder of a certificate and the holder's side of a connection.
type Subject struct {
	Role   mtls.Role
	Node   string
	Server bool     // the holder accepts connections
	Client bool     // the holder makes connections
	Hosts  []string // names and addresses that clients dial
}

// Certificate is a pair of files, NAME.pem and NAME.key, and its holder.
type Certificate struct {
	Name string
	Subject
}

// Ensure leaves a certificate's pair in the authority's folder. It makes a new pair
// only if Fault finds one with the old, and reports whether it did. Fails with code
// failed.
func (a *Authority) Ensure(c Certificate, now time.Time) (renewed bool, err error) {
	if a.Fault(c, now) == nil {
		return false, nil
	}
	return true, a.Issue(c, now)
}

// Issue makes a certificate's pair, whatever there is. Fails with code failed.
func (a *Authority) Issue(c Certificate, now time.Time) error {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: c.Name, Organization: []string{organization}},
		NotBefore:   now.Add(-clockSkew),
		NotAfter:    now.Add(leafValidity),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: c.usage(),
		URIs:        []*url.URL{c.identity().URI()},
	}
	for _, h := range c.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return errs.E(errs.Failed, "certificate %s: %w", c.Name, err)
	}
	_, err = write(a.dir, c.Name, template, a.cert, key, a.key)
	return err
}

// Fault returns why a certificate's pair will not do: absent, torn, of another
// authority, near its end, or of another holder or side. Nil: the pair is good.
func (a *Authority) Fault(c Certificate, now time.Time) error {
	cert, _, err := read(a.dir, c.Name)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	if _, err := cert.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now, KeyUsages: c.usage()}); err != nil {
		return err
	}
	if left := cert.NotAfter.Sub(now); left <= leafRenewal {
		return errs.E(errs.Failed, "%s.pem ends in %d days", c.Name, int(left.Hours()/24))
	}
	if id, err := mtls.IdentityOf(cert); err != nil || id != c.identity() {
		return errs.E(errs.Failed, "%s.pem is not of %s", c.Name, c.identity())
	}
	if !slices.Equal(cert.ExtKeyUsage, c.usage()) {
		return errs.E(errs.Failed, "%s.pem is for another side of a connection", c.Name)
	}
	if !slices.Equal(hostsOf(cert), slices.Sorted(slices.Values(c.Hosts))) {
		return errs.E(errs.Failed, "%s.pem is for %v, not %v", c.Name, hostsOf(cert), c.Hosts)
	}
	return nil
}

func (s Subject) identity() mtls.Identity { return mtls.Identity{Role: s.Role, Node: s.Node} }

// usage returns the sides of a connection that a certificate is for. A server's
// certificate is none for clients, nor the reverse.
func (s Subject) usage() []x509.ExtKeyUsage {
	var out []x509.ExtKeyUsage
	if s.Server {
		out = append(out, x509.ExtKeyUsageServerAuth)
	}
	if s.Client {
		out = append(out, x509.ExtKeyUsageClientAuth)
	}
	return out
}

// hostsOf returns the names and addresses of a certificate, sorted.
func hostsOf(cert *x509.Certificate) []string {
	out := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		out = append(out, ip.String())
	}
	slices.Sort(out)
	return out
}

// read reads a pair. The key must belong to the certificate.
func read(dir, name string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	certBlock, err := readPEM(filepath.Join(dir, name+".pem"))
	if err != nil {
		return nil, nil, err
	}
	keyBlock, err := readPEM(filepath.Join(dir, name+".key"))
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, nil, err
	}
	key, isEC := parsed.(*ecdsa.PrivateKey)
	if !isEC || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, nil, errs.E(errs.Failed, "%s.key does not belong to %s.pem", name, name)
	}
	return cert, key, nil
}

func readPEM(path string) (*pem.Block, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errs.E(errs.Failed, "no PEM block in %s", path)
	}
	return block, nil
}

// write signs and stores a pair, each file complete or not at all; the key
// first, so that a pair torn by a crash does not look good.
func write(dir, name string, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, errs.E(errs.Failed, "certificate %s: %w", name, err)
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, errs.E(errs.Failed, "certificate %s: %w", name, err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, errs.E(errs.Failed, "certificate %s: %w", name, err)
	}
	if err := writePEM(filepath.Join(dir, name+".key"), "PRIVATE KEY", keyDER); err != nil {
		return nil, err
	}
	if err := writePEM(filepath.Join(dir, name+".pem"), "CERTIFICATE", der); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func writePEM(path, kind string, der []byte) error {
	if err := files.Write(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return errs.E(errs.Failed, "certificates: %w", err)
	}
	return nil
}
