// Package zbx speaks Zabbix's passive agent protocol, as server and as client.
//
// A message is a frame: "ZBXD", one byte of flags, the length of the data and a
// reserved number, both four bytes little-endian (eight with [FlagLarge]), then
// the data. With [FlagCompressed] the data is a zlib stream and the reserved
// number its inflated length. See Zabbix's manual, appendix "Header and data
// length".
//
// The request of a passive check is, up to Zabbix 6.4, the item key, and the
// answer its value or "ZBX_NOTSUPPORTED\0" and the reason. From 7.0 both are
// JSON: {"request":"passive checks","data":[{"key":…,"timeout":…}]} and
// {"version":…,"variant":2,"data":[{"value":…}]} or {"error":…} in its place.
// A server tells them apart by the request, so it serves every release. A key
// without a frame, ended by LF, is answered too, as Zabbix's agent does.
package zbx
