// Package view draws a lab while it runs, on a page of its own: the nodes, both networks,
// the services with their state, who talks to whom, a few curves, the newest events, and
// marks.
//
// A [Collector] asks one lab each second. A [Server] shows one or several of them on the
// loopback address: it renders the page, and sends the parts of it that have changed as
// server-sent events. It reads and never acts on a lab.
//
// Every user of the machine can reach the loopback address. So the page is opened by an
// address with a token that is good for one browser, which gets a cookie for it; the Host
// header must name this machine, so that no foreign page can reach it by a name of its own.
package view
