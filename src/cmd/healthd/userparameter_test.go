package main

import (
	"os"
	"testing"

	"chatlab/src/app"
	"chatlab/src/testkit/zabbixtest"
	"chatlab/src/zbx"
)

// asHealthd makes the test's own program run as healthd.
const asHealthd = "CHATLAB_TEST_RUN_HEALTHD"

func TestMain(m *testing.M) {
	if os.Getenv(asHealthd) != "" {
		os.Exit(app.Main("healthd", run))
	}
	os.Exit(m.Run())
}

// Zabbix's own agent runs `healthd get` for a key of its configuration.
func TestGetIsAUserParameter(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range zabbixtest.Agents {
		t.Run(program, func(t *testing.T) {
			agent := zabbixtest.Agent(t, program, map[string]string{"Timeout": "20",
				"UserParameter": "chatlab.up[*]," + asHealthd + "=1 " + self + ` get 'chatlab.up[$1]' --services.logd=127.0.0.1:1`})
			if v, err := zbx.Get(t.Context(), agent.Addr, "chatlab.up[logd]"); v != "0" || err != nil {
				t.Errorf("%q, %v", v, err)
			}
		})
	}
}

func TestValuesAreCutFromTheirKeys(t *testing.T) {
	for word, want := range map[string][2]string{
		"a":              {"a", ""},
		"a=b=c":          {"a", "b=c"},
		"k[a=b]":         {"k[a=b]", ""},
		"k[a=b]=c":       {"k[a=b]", "c"},
		`k["x=\"y\""]=1`: {`k["x=\"y\""]`, "1"},
		"k=[x]":          {"k", "[x]"},
	} {
		key, value, given := cutValue(word)
		if key != want[0] || value != want[1] || given != (want[1] != "") {
			t.Errorf("%s: %q, %q, %v", word, key, value, given)
		}
	}
}
