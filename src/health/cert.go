package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"slices"
	"strconv"
	"time"

	"chatlab/src/errs"
)

// certDays is the days until a certificate ends: one in a configured file, the one that
// logd at an address shows, or the first of all to end. It is negative afterwards.
func certDays(files, servers []string) func(context.Context, []string) (string, error) {
	return func(ctx context.Context, params []string) (string, error) {
		files, addrs := files, servers
		switch {
		case len(params) > 1:
			return "", errs.E(errs.BadRequest, "Too many parameters.")
		case len(params) == 1 && params[0] != "":
			files, addrs = only(files, params[0]), only(addrs, params[0])
			if len(files)+len(addrs) == 0 {
				return "", errs.E(errs.BadRequest, "%q is neither a configured file nor a logd.", clip(params[0]))
			}
		case len(files)+len(addrs) == 0:
			return "", errs.E(errs.Failed, "No certificate is configured.")
		}
		first, err := firstEnd(ctx, files, addrs)
		if err != nil {
			return "", err
		}
		return strconv.FormatFloat(time.Until(first).Hours()/24, 'f', 2, 64), nil
	}
}

func firstEnd(ctx context.Context, files, servers []string) (first time.Time, err error) {
	for _, f := range files {
		end, err := endOfFile(f)
		if err != nil {
			return first, err
		}
		first = earlier(first, end)
	}
	for _, addr := range servers {
		end, err := endOfServer(ctx, addr)
		if err != nil {
			return first, err
		}
		first = earlier(first, end)
	}
	return first, nil
}

// only returns the one of a list, or nothing.
func only(list []string, one string) []string {
	if slices.Contains(list, one) {
		return []string{one}
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// endOfFile returns the first end of the certificates in a file.
func endOfFile(path string) (end time.Time, err error) {
	rest, err := os.ReadFile(path)
	if err != nil {
		return end, errs.E(errs.Failed, "%s cannot be read.", path)
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return end, errs.Wrap(err, errs.Failed, "%s has a certificate that cannot be read.", path)
		}
		end = earlier(end, cert.NotAfter)
	}
	if end.IsZero() {
		return end, errs.E(errs.Failed, "%s has no certificate.", path)
	}
	return end, nil
}

// endOfServer returns the end of the certificate that a server shows.
func endOfServer(ctx context.Context, addr string) (end time.Time, err error) {
	raw, err := dial(ctx, addr)
	if err != nil {
		return end, errs.Wrap(err, errs.Failed, "%s does not answer.", addr)
	}
	defer func() { _ = raw.Close() }()
	// Whoever it is: only the date is looked at, and nothing is sent.
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // see above
	_ = conn.HandshakeContext(ctx)                                 // it may want a certificate of ours, after having shown its own
	shown := conn.ConnectionState().PeerCertificates
	if len(shown) == 0 {
		return end, errs.E(errs.Failed, "%s shows no certificate.", addr)
	}
	return shown[0].NotAfter, nil
}
