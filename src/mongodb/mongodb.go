package mongodb

import (
	"context"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"chatlab/src/errs"
	"chatlab/src/mtls"
)

// Time limits.
const (
	findServer = 3 * time.Second  // to find a member that can do it, and to connect
	operation  = 10 * time.Second // for one operation as a whole
)

// Config says where the event log is.
type Config struct {
	URI          string `mapstructure:"uri" usage:"mongodb://host:port[,host:port]/[?options], without user and password"`
	User         string `mapstructure:"user" usage:"user; none: no authentication"`
	PasswordFile string `mapstructure:"password_file" usage:"file whose first line is the user's password"`
	Database     string `mapstructure:"database" usage:"database of the event log"`
	Collection   string `mapstructure:"collection" usage:"collection of the event log"`

	TLS mtls.Files `mapstructure:"tls"` // none: no TLS
}

// The kinds of server that Log knows apart.
const (
	unknownServer = iota
	mongoServer
	ferretServer
)

// Log is the event log's collection. It satisfies logd.Store.
type Log struct {
	client *mongo.Client
	coll   *mongo.Collection
	tail   *mongo.Collection // of an embedded server: see ring
	ring   *ring             // nil: this Log keeps no tail

	mu     sync.Mutex
	server int
}

// Open prepares the connections. It does not wait for the server: see Ping.
// The database and collection default to chatlab and Logdata; the user is
// looked up in the URI's authSource, or in admin. Fails with code usage.
func Open(cfg Config) (*Log, error) {
	return OpenThrough(cfg, nil)
}

// Dial opens a connection to a server, as [net.Dialer.DialContext].
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// DialContext makes it what the driver wants.
func (d Dial) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return d(ctx, network, addr)
}

// OpenThrough is Open with connections that dial makes; nil: plain ones.
func OpenThrough(cfg Config, dial Dial) (*Log, error) {
	opts, err := clientOptions(cfg)
	if err != nil {
		return nil, err
	}
	if dial != nil {
		opts.SetDialer(dial)
	}
	client, err := mongo.Connect(opts)
	if err != nil {
		return nil, errs.E(errs.Usage, "mongodb: %w", err)
	}
	db, name := client.Database(or(cfg.Database, "chatlab")), or(cfg.Collection, "Logdata")
	return &Log{client: client, coll: db.Collection(name), tail: db.Collection(name + "_tail")}, nil
}

func clientOptions(cfg Config) (*options.ClientOptions, error) {
	u, err := url.Parse(cfg.URI)
	if err != nil || cfg.URI == "" {
		// The parser's error would quote the URI, which may hold a password.
		return nil, errs.E(errs.Usage, "mongodb.uri is not a URI").WithFix("set it as mongodb://host:27017/")
	}
	if u.User != nil {
		return nil, errs.E(errs.Usage, "mongodb.uri names a user").WithFix("use mongodb.user and mongodb.password_file")
	}
	opts := options.Client().ApplyURI(cfg.URI).SetAppName("chatlab").
		SetServerSelectionTimeout(findServer).SetConnectTimeout(findServer).SetTimeout(operation).
		SetWriteConcern(writeconcern.Majority())
	if cfg.TLS.Set() {
		config, err := mtls.Client(cfg.TLS, mtls.MongoDB)
		if err != nil {
			return nil, err
		}
		opts.SetTLSConfig(config)
	}
	if err := opts.Validate(); err != nil {
		return nil, errs.E(errs.Usage, "mongodb.uri: %w", err)
	}
	if cfg.User == "" {
		return opts, nil
	}
	password, err := os.ReadFile(cfg.PasswordFile)
	if err != nil {
		return nil, errs.E(errs.Usage, "mongodb.password_file: %w", err)
	}
	first, _, _ := strings.Cut(string(password), "\n")
	return opts.SetAuth(options.Credential{
		Username: cfg.User, Password: strings.TrimSuffix(first, "\r"), PasswordSet: true,
		AuthSource: or(u.Query().Get("authSource"), "admin"),
	}), nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Ping tells why the server cannot be used now (code unavailable), or nil.
func (l *Log) Ping(ctx context.Context) error {
	return away(l.client.Ping(ctx, nil))
}

// Close ends the connections; operations under way fail.
func (l *Log) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), findServer)
	defer cancel()
	return l.client.Disconnect(ctx)
}

// indexes are those of the event log beside that of _id.
var indexes = map[string]bson.D{
	"date_time_1":                     {{Key: "date_time", Value: 1}},
	"server_1_category_1_date_time_1": {{Key: "server", Value: 1}, {Key: "category", Value: 1}, {Key: "date_time", Value: 1}},
}

// EnsureIndexes creates the indexes that are missing: by date_time, and by
// server, category and date_time. On FerretDB, which keeps such indexes and
// never uses them, it drops them. Fails with code unavailable.
func (l *Log) EnsureIndexes(ctx context.Context) error {
	embedded, err := l.isEmbedded(ctx)
	if err != nil {
		return err
	}
	there, err := l.coll.Indexes().ListSpecifications(ctx)
	if err != nil && !isCode(err, codeNamespaceNotFound) {
		return away(err)
	}
	have := map[string]bool{}
	for _, spec := range there {
		have[spec.Name] = true
	}
	for name, keys := range indexes {
		switch {
		case have[name] && embedded:
			err = l.coll.Indexes().DropOne(ctx, name)
		case !have[name] && !embedded:
			_, err = l.coll.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: keys, Options: options.Index().SetName(name)})
		default:
			err = nil
		}
		if err != nil {
			return away(err)
		}
	}
	return nil
}

// away gives a driver's error its code.
func away(err error) error {
	if err == nil {
		return nil
	}
	return errs.Wrap(err, errs.Unavailable, "log database away")
}
