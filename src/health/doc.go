// Package health holds the checks behind healthd's item keys. Each is in a file
// of its own. A check that has no value fails with an [errs.Error] whose message
// a Zabbix server shows as the reason of "not supported". What asks much of
// others keeps its result for some seconds.
//
//	agent.ping                        1, while healthd answers
//	agent.hostname, agent.version     the node's name, healthd's version
//	chatlab.up[SERVICE]               1 when every member of auth, chat or logd is up, else 0
//	chatlab.up[SERVICE,ADDRESS]       the same of one member, by its host:port
//	chatlab.members[SERVICE]          how many members are up
//	chatlab.expected[SERVICE]         how many there should be
//	chatlab.discovery[(SERVICE)]      the members of services, for low-level discovery
//	chatlab.auth.login[(ADDRESS)]     milliseconds of a real sign-in
//	chatlab.chat.roundtrip[(ADDRESS)] milliseconds until a line said comes back
//	chatlab.events.lag[(SERVICE)]     seconds from an event's birth to its being stored
//	chatlab.events.backlog[(SERVICE)] bytes of events that no log server has stored yet
//	chatlab.mariadb.ping              1 when the database answers, else 0
//	chatlab.mongodb.ping              likewise
//	chatlab.galera                    what MariaDB says of its cluster, as JSON
//	chatlab.cert.days[(FILE|ADDRESS)] days until a certificate ends
//	chatlab.metric[DAEMON,NAME]       a metric of a daemon's /metrics
//
// The checks sign in and talk as a user of their own, see [Account], in a room
// of their own.
package health
