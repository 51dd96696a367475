package main

// pkg describes one package: programs, and perhaps a service.
type pkg struct {
	name, summary string
	programs      []string
	needs         []string // other packages of chatlab, of the same version
	service       *service
}

// service is what a package with a unit brings.
type service struct {
	name    string   // chatlab-NAME is unit and user
	group   string   // the user's group
	data    []string // folders below /var/lib/chatlab, the user's home first
	configs []config
}

// config is a configuration file below /etc/chatlab: what the package sets in
// it; all other keys stand there commented, with their defaults.
type config struct {
	file, program string
	set           map[string]string // dotted key → YAML
}

// signers is the group that may read the key which signs tokens.
const signers = "chatlab"

const (
	binDir  = "/opt/chatlab/bin"
	etcDir  = "/etc/chatlab"
	dataDir = "/var/lib/chatlab"
)

// packages lists all of them.
func packages() []pkg {
	return []pkg{
		daemon("authd", "auth server: sign-up, sign-in, tokens", signers, map[string]string{
			"database.path":  dataDir + "/authd/users.db",
			"token.key_file": etcDir + "/jwt.key",
		}),
		daemon("chatd", "chat server: token-authorised rooms over TCP", signers, map[string]string{
			"data_dir":       dataDir + "/chatd",
			"token.key_file": etcDir + "/jwt.key",
		}),
		daemon("logd", "log server: stores relayed events in MongoDB", "chatlab-logd", map[string]string{
			"tls.ca": etcDir + "/tls/ca.pem", "tls.cert": etcDir + "/tls/logd.pem", "tls.key": etcDir + "/tls/logd.key",
		}),
		daemon("healthd", "Zabbix-compatible health checks", "chatlab-healthd", nil),
		{
			name: "chatlab-mongod", summary: "embedded MongoDB-wire log database, for labs without MongoDB", needs: []string{"chatlab-lab"},
			service: &service{name: "mongod", group: "chatlab-mongod", data: []string{"mongod"}, configs: []config{{file: "mongod.env"}}},
		},
		{name: "chatlab-logger", summary: "event logger that authd and chatd start", programs: []string{"logger"}},
		{name: "chatlab-client", summary: "chat client", programs: []string{"client"}},
		{name: "chatlab-lab", summary: "brings a chat lab up, checks and drills it", programs: []string{"lab"}},
	}
}

// daemon is a package of one program and its service; those that sign or
// verify tokens start a logger.
func daemon(name, summary, group string, set map[string]string) pkg {
	s := &service{name: name, group: group, data: []string{name}}
	main := config{file: name + ".yml", program: name, set: set}
	p := pkg{name: "chatlab-" + name, summary: summary, programs: []string{name}, service: s}
	if group == signers {
		p.needs = []string{"chatlab-logger"}
		set["logger.command"], set["logger.config"] = binDir+"/logger", etcDir+"/"+name+"-logger.yml"
		s.data = append(s.data, name+"-logger")
		s.configs = append(s.configs, config{file: name + "-logger.yml", program: "logger", set: map[string]string{
			"spool.dir": dataDir + "/" + name + "-logger",
		}})
	}
	s.configs = append(s.configs, main)
	return p
}
