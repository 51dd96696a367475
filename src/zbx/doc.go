// Package zbx speaks Zabbix's protocols: the passive agent's as server and as
// client, the trapper's as sender, and the active agent's.
//
// A message is a frame: "ZBXD", one byte of flags, the length of the data and a
// reserved number, both four bytes little-endian (eight with [FlagLarge]), then
// the data. With [FlagCompressed] the data is a zlib stream and the reserved
// number its inflated length. See Zabbix's manual, appendix "Header and data
// length". No frame makes this package hold more than a few times [MaxData],
// whatever its header claims.
//
// The request of a passive check is, up to Zabbix 6.4, the item key, and the
// answer its value or "ZBX_NOTSUPPORTED\0" and the reason. From 7.0 both are
// JSON: {"request":"passive checks","data":[{"key":…,"timeout":…}]} and
// {"version":…,"variant":2,"data":[{"value":…}]} or {"error":…} in its place.
// A [Server] tells them apart by the request, so it serves every release. A key
// without a frame, ended by LF, is answered too, as Zabbix's agent does.
//
// A trapper (port 10051) takes values from a sender: see [Peer.Send]. An active
// agent fetches its items from there and sends their values: see [Active].
package zbx
