package inventory

import (
	"maps"
	"slices"
	"strings"
)

// single are the variables that hold for the whole lab. Ansible takes them from a
// host or a group too, and then half of the roles see another value.
var single = []string{
	"auth_tls", "auth_vip", "chat_tls", "chat_vip", "grafana_absent", "lab_operators", "mongodb_embedded", "mongodb_version", "password_min_length",
	"password_refuse_common",
}

// labPorts are the variables of ports that several machines must agree on.
var labPorts = []string{
	"auth_port", "authd_logger_ops_port", "authd_ops_port", "authd_private_port", "chat_port", "chatd_logger_ops_port", "chatd_ops_port", "chatd_routes_port",
	"galera_port", "grafana_port", "healthd_ops_port", "healthd_port", "logd_ops_port", "logd_port", "mariadb_port", "mongodb_port",
	"zabbix_agent_port", "zabbix_server_port", "zabbix_web_port",
}

// perHost are the variables that may differ between machines: those of the roles
// (their argument_specs), of group_vars, and the two addresses.
var perHost = []string{
	"base_firewall", "base_mariadb_buffer_pool", "base_public_ports", "base_ssh_port", "chatlab_authd_limits", "chatlab_authd_log_level",
	"chatlab_authd_spool_bytes", "chatlab_chatd_limits", "chatlab_chatd_log_level", "chatlab_chatd_spool_bytes", "chatlab_healthd_log_level",
	"chatlab_logd_log_level", "chatlab_logd_retention_age", "chatlab_logd_retention_events", "chatlab_packages_dir", "chatlab_profile",
	"grafana_package_file", "grafana_plugin_unsigned", "grafana_plugin_zip", "grafana_reader_renew", "lab_program", "lab_secrets", "lab_state", "mariadb_database",
	"mariadb_patience", "mongodb_cache_gb", "mongodb_database", "mongodb_patience", "preflight_clock_seconds",
	"preflight_disk_mb", "private_address", "public_address", "vip_advert_seconds", "zabbix_server_cache",
	"zabbix_server_unreachable_period", "zabbix_web_macros", "zabbix_web_name", "zabbix_web_timezone",
}

// labWide says whether a variable must have one value for all machines.
func labWide(name string) bool {
	return slices.Contains(single, name) || slices.Contains(labPorts, name)
}

// known returns every variable that the playbook reads from an inventory.
func known() []string { return slices.Concat(single, labPorts, perHost) }

// misspelt returns the known variable that a name is nearly, or "". An inventory may
// have variables of its own, so only near names are suspect.
func misspelt(name string) string {
	if strings.HasPrefix(name, "ansible_") || slices.Contains(known(), name) {
		return ""
	}
	return nearest(name, known(), 1+len(name)/8)
}

// nearest returns the name with the fewest edits to another, at most so many, or "".
func nearest(name string, names []string, most int) string {
	best := map[int]string{}
	for _, other := range slices.Sorted(slices.Values(names)) {
		if d := distance(strings.ToLower(name), other); d <= most && best[d] == "" {
			best[d] = other
		}
	}
	if len(best) == 0 {
		return ""
	}
	return best[slices.Min(slices.Collect(maps.Keys(best)))]
}

// distance counts the letters to insert, remove, replace or swap (Damerau-Levenshtein
// with adjacent swaps).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
