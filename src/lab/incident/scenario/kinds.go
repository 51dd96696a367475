package scenario

// kind is a way to break something, and the fields that its faults take.
type kind struct {
	name     string
	about    string
	needs    []string // fields that must be there
	optional []string // fields that may be there
}

// Kinds of faults.
const (
	Freeze      = "freeze"
	Stop        = "stop"
	Setting     = "setting"
	WrongPort   = "wrong-port"
	Key         = "key"
	Certificate = "certificate"
	Permissions = "permissions"
	DiskFull    = "disk-full"
	Cable       = "cable"
	Loss        = "loss"
	Delay       = "delay"
	Bandwidth   = "bandwidth"
	Block       = "block"
	Database    = "database"
	Clock       = "clock"
)

var kinds = []kind{
	{Freeze, "a process answers nothing and holds its connections (SIGSTOP)", fields("service"), fields("node")},
	{Stop, "a service is stopped and stays so", fields("service"), fields("node")},
	{Setting, "settings of a service are other ones; with crash it cannot start", fields("service", "set"), fields("node", "crash")},
	{WrongPort, "a service looks for another one at a port where nobody is", fields("service", "setting", "of", "port"), fields("node")},
	{Key, "a service has a token key of its own", fields("service"), fields("node")},
	{Certificate, "the certificate of a service ended some days ago", fields("service", "days"), fields("node")},
	{Permissions, "the folder of a service's data has other permissions", fields("service", "mode"), fields("node")},
	{DiskFull, "the disk of a node is full", fields("node"), nil},
	{Cable, "a node is cut from the private network", fields("node"), nil},
	{Loss, "packets of a node are lost on the private network", fields("node", "percent"), nil},
	{Delay, "packets of a node are late on the private network", fields("node", "ms"), nil},
	{Bandwidth, "the private network of a node is slow", fields("node", "kbit"), nil},
	{Block, "a firewall rule of a node drops what comes to a port", fields("node", "port"), nil},
	{Database, "MariaDB has other global variables", fields("set"), fields("node")},
	{Clock, "the clock of a node is wrong", fields("node", "offset"), nil},
}

func fields(names ...string) []string { return names }

// KindWords are the words by which a person answers what kind of fault it is.
var KindWords = []string{
	"frozen", "stopped", "crash-loop", "setting", "limit", "key", "certificate", "permissions",
	"disk", "network", "firewall", "database", "read-only", "behind", "clock",
}

// Feelings are what users can feel.
const (
	Chat   = "chat"
	SignIn = "sign-in"
	Events = "events"
)

var (
	feelings = []string{Chat, SignIn, Events}
	targets  = []string{"local", "nspawn", "vagrant", "hosts"}
	services = []string{"authd", "chatd", "logd", "healthd", "mongodb", "mariadb", "authd-logger", "chatd-logger"}
)

// KindNames returns the kinds of faults, for people who write scenarios.
func KindNames() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

func kindOf(name string) (kind, bool) {
	for _, k := range kinds {
		if k.name == name {
			return k, true
		}
	}
	return kind{}, false
}
