package zabbixtest_test

import (
	"testing"
	"time"

	"chatlab/src/testkit/zabbixtest"
)

func TestServerAndAPIRun(t *testing.T) {
	began := time.Now()
	server := zabbixtest.StartServer(t, nil)
	t.Log("server", time.Since(began))
	var version string
	api := server.API(t)
	t.Log("api", time.Since(began))
	var groups []struct{ Name string }
	api.Call(t, "hostgroup.get", map[string]any{"output": []string{"name"}}, &groups)
	if len(groups) == 0 {
		t.Fatal("no host groups")
	}
	_ = version
}
