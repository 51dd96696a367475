// Package health holds the checks behind healthd's item keys. Each is in a file
// of its own. A check that has no value fails with an [errs.Error] whose message
// a Zabbix server shows as the reason of "not supported".
//
//	agent.ping                  1, while healthd answers
//	agent.version               healthd's version
//	chatlab.up[SERVICE]         1 when every member of auth, chat or logd is up, else 0
//	chatlab.up[SERVICE,ADDRESS] the same of one member, by its host:port
//	chatlab.discovery           the members of all services, for low-level discovery
package health
