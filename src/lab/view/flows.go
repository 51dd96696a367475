package view

import (
	"fmt"
	"slices"
	"strings"

	"chatlab/src/lab"
	"chatlab/src/lab/inventory"
)

// lane is what several services exchange: it is drawn as one line along a network. Its text
// is its style.
type lane string

const (
	signIns lane = "l-signins" // public
	chat    lane = "l-chat"
	events  lane = "l-events" // private
	stored  lane = "l-stored"
	tokens  lane = "l-tokens"
	chatlog lane = "l-chatlog"
	users   lane = "l-users"
)

// publicLanes and privateLanes are in the order in which they are drawn, from the nodes
// outwards.
var (
	publicLanes  = []lane{signIns, chat}
	privateLanes = []lane{events, stored, tokens, chatlog, users}
)

// Users is the other end of what leaves the lab.
const Users = "users"

// Flow is one service's part in a lane, with the words that are shown there.
type Flow struct {
	From, To string // for people: "authd on auth", "log servers"
	What     string
	Rate     string // "" where nothing is counted
	Short    string // for the drawing

	lane   lane
	at     Place   // the service where it is drawn
	out    bool    // from that service to the lane
	weight float64 // per second, for the thickness of its line
	quiet  bool    // the service does not work
}

// flows tells who talks to whom.
func flows(look Look) (out []Flow) {
	members := map[string]int{}
	for _, row := range look.Services {
		members[row.Service]++
	}
	for _, row := range look.Services {
		place := Place{row.Node, row.Service}
		for _, f := range flowsOf(place, look.Rates[place], members) {
			f.at = place
			if f.quiet = row.State != lab.Ready; f.quiet {
				f.Rate, f.Short, f.weight = "", "", 0
			}
			out = append(out, f)
		}
	}
	return out
}

// flowsOf tells what one service says and hears.
func flowsOf(p Place, r Rates, members map[string]int) (out []Flow) {
	name := p.Service + " on " + p.Node
	switch p.Service {
	case inventory.Authd:
		said := perSecond(r.SignIns)
		if r.Refused > 0 {
			said += ", " + perSecond(r.Refused) + " refused"
		}
		out = append(out,
			Flow{lane: signIns, From: Users, To: name, What: "sign-ins", Rate: said, Short: perSecond(r.SignIns) + " sign-ins", weight: r.SignIns + r.Refused},
			Flow{lane: tokens})
		if members[inventory.MariaDB] > 0 {
			out = append(out, Flow{lane: users, out: true, From: name, To: "user database", What: "users"})
		}
	case inventory.Chatd:
		out = append(out,
			Flow{lane: chat, From: Users, To: name, What: "lines, of " + fmt.Sprintf("%.0f users", r.Sessions), Rate: perSecond(r.LinesIn), Short: perSecond(r.LinesIn) + " in", weight: r.LinesIn},
			Flow{lane: chat, out: true, From: name, To: Users, What: "lines", Rate: perSecond(r.LinesOut), Short: perSecond(r.LinesOut) + " out", weight: r.LinesOut},
			Flow{lane: tokens, out: true, From: name, To: "auth servers", What: "asks for ended tokens", Rate: "1/s", Short: "ended tokens"})
		if members[inventory.Chatd] > 1 {
			out = append(out, Flow{lane: chatlog, out: true, From: name, To: "chat servers", What: "the chat log, replicated", Rate: lines(r.ReplicaLag) + " behind", Short: "chat log", weight: r.LinesIn})
		}
	case inventory.Authd + "-logger", inventory.Chatd + "-logger":
		out = append(out, Flow{lane: events, out: true, From: name, To: "log servers", What: "events, " + size(r.Backlog) + " waiting", Rate: perSecond(r.Relayed), Short: perSecond(r.Relayed) + " events", weight: r.Relayed})
	case inventory.Logd:
		out = append(out, Flow{lane: events},
			Flow{lane: stored, out: true, From: name, To: "log database", What: "events stored", Rate: perSecond(r.StoredRate), Short: perSecond(r.StoredRate) + " stored", weight: r.StoredRate})
	case inventory.MongoDB:
		out = append(out, Flow{lane: stored})
	case inventory.MariaDB:
		out = append(out, Flow{lane: users})
	}
	return out
}

// said lists the flows that have two ends to name.
func said(all []Flow) []Flow {
	return slices.DeleteFunc(slices.Clone(all), func(f Flow) bool { return f.From == "" })
}

// summary says in one sentence how the lab is.
func summary(look Look) string {
	if look.Err != nil {
		return "The lab cannot be asked: " + look.Err.Error()
	}
	var bad []string
	for _, r := range look.Services {
		if r.State != lab.Ready {
			bad = append(bad, fmt.Sprintf("%s on %s is %s", r.Service, r.Node, r.State))
		}
	}
	switch {
	case len(look.Services) == 0:
		return "Nothing was seen yet."
	case len(bad) == 0:
		return fmt.Sprintf("All %d services are ready.", len(look.Services))
	case len(bad) == len(look.Services) && !slices.ContainsFunc(look.Services, func(r lab.ServiceStatus) bool { return r.State != lab.Down }):
		return "The lab is down."
	}
	more := ""
	if len(bad) > 3 {
		more = fmt.Sprintf(" and %d more", len(bad)-3)
		bad = bad[:3]
	}
	return fmt.Sprintf("%s%s.", strings.Join(bad, ", "), more)
}

// well tells whether all of the lab is ready.
func well(look Look) bool {
	return look.Err == nil && len(look.Services) > 0 &&
		!slices.ContainsFunc(look.Services, func(r lab.ServiceStatus) bool { return r.State != lab.Ready })
}
