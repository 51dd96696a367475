package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dop251/goja"
)

// mongod is what testdata/mongod.js begins with.
type mongod struct {
	Throws   bool              `json:"throws"`
	Local    bool              `json:"local"`
	Self     string            `json:"self"`
	Me       string            `json:"me"`
	Config   any               `json:"config"`
	Users    map[string]string `json:"users"`
	Roles    map[string]any    `json:"roles"`
	Grants   map[string][]role `json:"grants"` // of users
	Lag      int               `json:"lag"`
	Refusals int               `json:"refusals"`
	Log      []string          `json:"log"`
}

type role struct {
	Role string `json:"role"`
	DB   string `json:"db"`
}

// setOf is a replica set's, with members a, b… by _id.
func setOf(version int, hosts string) any {
	var members []map[string]any
	for i, h := range strings.Fields(hosts) {
		members = append(members, map[string]any{"_id": i, "host": h})
	}
	return map[string]any{"_id": "chatlab", "version": version, "members": members}
}

// play runs a script of the role mongodb against the set, which it changes, and
// returns what it prints.
func (m *mongod) play(t *testing.T, script string, given map[string]any) string {
	t.Helper()
	vm := goja.New()
	var said []string
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", script, err)
		}
	}
	check(vm.Set("print", func(line string) { said = append(said, line) }))
	text := func(v any) string {
		raw, err := json.Marshal(v)
		check(err)
		return string(raw)
	}
	_, err := vm.RunString("var server = " + text(m) + ", given = " + text(given) + ";\n" + read(t, "testdata/mongod.js"))
	check(err)
	_, err = vm.RunString(read(t, filepath.Join("..", "..", "ansible", "roles", "mongodb", "files", script)))
	check(err)
	after, err := vm.RunString("JSON.stringify(server)")
	check(err)
	*m = mongod{}
	check(json.Unmarshal([]byte(after.String()), m))
	return strings.Join(said, " ")
}

// hosts are the members that the set has, in its order.
func (m *mongod) hosts(t *testing.T) string {
	t.Helper()
	raw, err := json.Marshal(m.Config)
	var c struct{ Members []struct{ Host string } }
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, member := range c.Members {
		out = append(out, member.Host)
	}
	return strings.Join(out, " ")
}

// shells runs a test as mongosh, whose failures are thrown, and as mongo, which
// returns most of them.
func shells(t *testing.T, test func(*testing.T, mongod)) {
	for shell, throws := range map[string]bool{"mongosh": true, "mongo": false} {
		t.Run(shell, func(t *testing.T) {
			test(t, mongod{Throws: throws, Users: map[string]string{}, Roles: map[string]any{}, Grants: map[string][]role{}, Lag: 3, Log: []string{}})
		})
	}
}

func says(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

func TestASetIsBegunOnce(t *testing.T) {
	shells(t, func(t *testing.T, m mongod) {
		m.Local, m.Self = true, "a:1"
		given := map[string]any{"set": "chatlab", "self": "a:1", "fresh": true, "admins": []string{"secret"}, "patience": 10}
		says(t, m.play(t, "begin.js", given), "changed changed good")
		if m.hosts(t) != "a:1" || m.Users["chatlab-admin"] != "secret" || len(m.Users) != 1 {
			t.Errorf("%+v", m)
		}
		says(t, m.play(t, "begin.js", given), "good")
		given["admins"] = []string{"another"}
		if said := m.play(t, "begin.js", given); !strings.HasPrefix(said, "error: chatlab-admin cannot sign in, and cannot be made where users are") {
			t.Error(said)
		}
	})
}

// A first member with an empty disk must not begin a set beside the one that
// the others are in.
func TestASetIsNotBegunBesideAnother(t *testing.T) {
	shells(t, func(t *testing.T, m mongod) {
		m.Local, m.Self = true, "a:1"
		given := map[string]any{"set": "chatlab", "self": "a:1", "fresh": false, "admins": []string{"secret"}, "patience": 10}
		says(t, m.play(t, "begin.js", given), "good")
		if m.Config != nil || len(m.Users) != 0 {
			t.Errorf("%+v", m)
		}
		m.Config, m.Me, m.Users = setOf(3, "a:1 b:1 c:1"), "b:1", map[string]string{"chatlab-admin": "x"}
		says(t, m.play(t, "begin.js", given), "good")
	})
}

func want(hosts string) map[string]any {
	return map[string]any{
		"members": strings.Fields(hosts), "admins": []string{"secret"}, "database": "chatlab", "collection": "Logdata", "patience": 20,
		"users": []map[string]any{
			{"name": "chatlab", "actions": []string{"find", "insert"}, "roles": []role{{"clusterMonitor", "admin"}}, "passwords": []string{"pw"}},
			{"name": "chatlab-retention", "actions": []string{"find", "remove"}, "roles": []role{}, "passwords": []string{"old"}},
		},
	}
}

func TestMembersFollowTheInventory(t *testing.T) {
	for name, c := range map[string]struct{ has, me, want, log, then string }{
		"one of three":       {"a:1", "a:1", "a:1 b:1 c:1", "a:1 b:1, a:1 b:1 c:1", "a:1 b:1 c:1"},
		"a fourth":           {"a:1 b:1 c:1", "b:1", "a:1 b:1 c:1 d:1", "a:1 b:1 c:1 d:1", "a:1 b:1 c:1 d:1"},
		"one less":           {"a:1 b:1 c:1 d:1", "b:1", "a:1 b:1 d:1", "a:1 b:1 d:1", "a:1 b:1 d:1"},
		"one for another":    {"a:1 b:1 c:1", "a:1", "a:1 c:1 d:1", "a:1 b:1 c:1 d:1, a:1 c:1 d:1", "a:1 c:1 d:1"},
		"the primary leaves": {"a:1 b:1 c:1", "a:1", "b:1 c:1 d:1", "a:1 b:1 c:1 d:1, step down, b:1 c:1 d:1", "b:1 c:1 d:1"},
	} {
		t.Run(name, func(t *testing.T) {
			shells(t, func(t *testing.T, m mongod) {
				m.Config, m.Me, m.Users, m.Refusals = setOf(5, c.has), c.me, map[string]string{"chatlab-admin": "secret"}, 2
				steps := strings.Count(c.log, ",") + 1 - strings.Count(c.log, "step down")
				says(t, m.play(t, "members.js", want(c.want)), strings.Repeat("changed ", steps)+"changed changed changed changed good")
				if got := strings.Join(m.Log, ", "); got != c.log || m.hosts(t) != c.then {
					t.Errorf("steps %q, want %q; members %q", got, c.log, m.hosts(t))
				}
				if m.Users["chatlab"] != "pw" || m.Users["chatlab-retention"] != "old" {
					t.Errorf("users %v", m.Users)
				}
				m.Log = []string{}
				says(t, m.play(t, "members.js", want(c.want)), "good")
			})
		})
	}
}

func TestPasswordsOfTheSetAreRotated(t *testing.T) {
	shells(t, func(t *testing.T, m mongod) {
		m.Config, m.Me = setOf(5, "a:1 b:1 c:1"), "c:1"
		m.Users = map[string]string{"chatlab-admin": "secret"}
		given := want("a:1 b:1 c:1")
		m.play(t, "members.js", given)
		given["admins"] = []string{"new secret", "secret"}
		for _, user := range given["users"].([]map[string]any) {
			user["passwords"] = append([]string{"new"}, user["passwords"].([]string)...)
		}
		says(t, m.play(t, "members.js", given), "changed changed changed good")
		if m.Users["chatlab-admin"] != "new secret" || m.Users["chatlab"] != "new" || m.Users["chatlab-retention"] != "new" {
			t.Errorf("%v", m.Users)
		}
		says(t, m.play(t, "members.js", given), "good")
		given["admins"] = []string{"unknown"}
		says(t, m.play(t, "members.js", given), "error: chatlab-admin cannot sign in: its password is not the deployment's")
	})
}

// A user that stores events cannot remove any, also where it could before.
func TestUsersOfTheSetHaveTheirOwnRightsOnly(t *testing.T) {
	shells(t, func(t *testing.T, m mongod) {
		m.Config, m.Me = setOf(1, "a:1"), "a:1"
		m.Users = map[string]string{"chatlab-admin": "secret", "chatlab": "pw"}
		m.Grants["chatlab"] = []role{{"readWrite", "chatlab"}, {"clusterMonitor", "admin"}}
		says(t, m.play(t, "members.js", want("a:1")), "changed changed changed changed good")
		for user, c := range map[string]struct{ roles, actions string }{
			"chatlab":           {"[{chatlab admin} {clusterMonitor admin}]", "[find insert]"},
			"chatlab-retention": {"[{chatlab-retention admin}]", "[find remove]"},
		} {
			privilege := m.Roles[user].([]any)[0].(map[string]any)
			if got := fmt.Sprint(m.Grants[user]); got != c.roles || fmt.Sprint(privilege["actions"]) != c.actions ||
				fmt.Sprint(privilege["resource"]) != "map[collection:Logdata db:chatlab]" {
				t.Errorf("%s has %s, its role %v", user, got, privilege)
			}
		}
		says(t, m.play(t, "members.js", want("a:1")), "good")
	})
}

func TestAMemberThatDoesNotCatchUpIsNamed(t *testing.T) {
	shells(t, func(t *testing.T, m mongod) {
		m.Config, m.Me, m.Users, m.Lag = setOf(1, "a:1"), "a:1", map[string]string{"chatlab-admin": "secret"}, 1000
		says(t, m.play(t, "members.js", want("a:1 b:1 c:1")),
			"changed error: the set does not have its members after 20 s: b:1 has not caught up: see its mongod.log")
		if m.hosts(t) != "a:1 b:1" {
			t.Errorf("members %q", m.hosts(t))
		}
	})
}
