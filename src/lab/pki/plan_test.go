package pki_test

import (
	"fmt"
	"slices"
	"testing"

	"chatlab/src/lab/inventory"
	"chatlab/src/lab/pki"
)

func TestPlanOfALab(t *testing.T) {
	inv, err := inventory.Load("../../../ansible/inventories/local-ha")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"operator chatlab://operator/lab client",
		"log-mongodb chatlab://mongodb/log server log",
		"log-logd chatlab://logd/log server log",
		"log-logd-mongodb chatlab://logd/log client",
		"log-chatd-authd chatlab://chatd-authd/log client",
		"log-chatd-logger chatlab://chatd-logger/log client",
		"log-chatd chatlab://chatd/log server client log",
		"log-healthd chatlab://healthd/log server client log",
	}
	plan := pki.Plan(inv)
	if got := text(plan[:len(want)]); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if i := slices.Index(text(plan), "auth-authd-logger chatlab://authd-logger/auth client"); i < 0 {
		t.Errorf("authd's logger has no certificate: %q", text(plan))
	}
	names := map[string]bool{}
	for _, c := range plan {
		if names[c.Name] {
			t.Errorf("%s comes twice", c.Name)
		}
		names[c.Name] = true
	}
}

// text writes certificates with the first of their hosts.
func text(plan []pki.Certificate) []string {
	var out []string
	for _, c := range plan {
		line := fmt.Sprintf("%s chatlab://%s/%s", c.Name, c.Role, c.Node)
		for _, part := range []struct {
			word string
			is   bool
		}{{" server", c.Server}, {" client", c.Client}} {
			if part.is {
				line += part.word
			}
		}
		if len(c.Hosts) > 0 {
			line += " " + c.Hosts[0]
		}
		out = append(out, line)
	}
	return out
}

// A deployment without Zabbix needs no certificates of it.
func TestPlanFollowsTheGroups(t *testing.T) {
	for folder, want := range map[string]int{"local": 0, "lab": 4, "ha": 4} {
		inv, err := inventory.Load("../../../ansible/inventories/" + folder)
		if err != nil {
			t.Fatal(err)
		}
		zabbix, routes := 0, 0
		for _, c := range pki.Plan(inv) {
			if c.Role == "zabbix-agent" || c.Role == "zabbix-server" {
				zabbix++
			}
			if c.Role == "chatd" {
				routes++
			}
		}
		if zabbix != want {
			t.Errorf("%s: %d certificates of Zabbix, want %d", folder, zabbix, want)
		}
		if several := len(inv.Members(inventory.Chatd)) > 1; (routes > 0) != several {
			t.Errorf("%s: %d certificates of routes", folder, routes)
		}
	}
}

// Certificates of public listeners name all that users dial, and are made on demand.
func TestPublicListenersHaveCertificatesWhereTheInventorySaysSo(t *testing.T) {
	inv, err := inventory.Load("../../../ansible/tests/inventory-tls")
	if err != nil {
		t.Fatal(err)
	}
	hosts := func() map[string][]string {
		out := map[string][]string{}
		for _, c := range pki.Plan(inv) {
			if c.Role == "auth-public" || c.Role == "chat-public" {
				if !c.Server || c.Client {
					t.Errorf("%s is for another side", c.Name)
				}
				out[c.Name] = c.Hosts
			}
		}
		return out
	}
	got := hosts()
	if want := []string{"auth", "192.0.2.14", "192.0.2.21"}; !slices.Equal(got["auth-auth-public"], want) || len(got) != 6 {
		t.Errorf("%v; want six, and %v for auth", got, want)
	}
	inv.Set("auth_tls", "false")
	if got := hosts(); len(got) != 3 {
		t.Errorf("with chat_tls alone: %v", got)
	}
	inv.Set("chat_tls", "")
	if got := hosts(); len(got) != 0 {
		t.Errorf("with neither: %v", got)
	}
}
