package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAReleaseHasTheSameBytesTwice(t *testing.T) {
	need(t, "tar")
	bin := bins(t)
	t.Chdir(filepath.Join("..", ".."))
	modules, err := modulesOf(t.Context(), bin)
	if err != nil {
		t.Fatal(err)
	}
	rel := release{"1.2.3", time.Unix(1e9, 0)}
	small := thin(t, bin)
	var made [2]map[string][]byte
	for i := range made {
		dir := t.TempDir()
		if err := archive(t.Context(), filepath.Join(dir, "a.tar.gz"), "chatlab-1.2.3", small, rel, modules); err != nil {
			t.Fatal(err)
		}
		if err := writeSBOM(filepath.Join(dir, "m.spdx.json"), rel, modules); err != nil {
			t.Fatal(err)
		}
		if err := sums(dir); err != nil {
			t.Fatal(err)
		}
		made[i] = map[string][]byte{}
		for _, name := range []string{"a.tar.gz", "m.spdx.json", "SHA256SUMS"} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			made[i][name] = text
		}
		holdsRelease(t, dir)
	}
	for name, text := range made[0] {
		if !bytes.Equal(text, made[1][name]) {
			t.Errorf("%s differs the second time", name)
		}
	}
}

// holdsRelease looks at what a stranger would.
func holdsRelease(t *testing.T, dir string) {
	t.Helper()
	list := output(t, "tar", "-tzf", filepath.Join(dir, "a.tar.gz"))
	for _, want := range []string{"bin/lab", "ansible/site.yml", "ansible/inventories/local/hosts.yml", "docs/security.md", "zabbix/templates/chatlab_chat.xml", "licences/github.com/nats-io/nats-server/v2@", "licences/std@go"} {
		if !strings.Contains(list, "chatlab-1.2.3/"+want) {
			t.Errorf("the archive lacks %s", want)
		}
	}
	if strings.Contains(list, "ansible/tests/") {
		t.Error("the archive has the repository's tests")
	}
	var doc spdx
	text, err := os.ReadFile(filepath.Join(dir, "m.spdx.json"))
	if err == nil {
		err = json.Unmarshal(text, &doc)
	}
	if err != nil || len(doc.Packages) < 50 || len(doc.Relationships) != len(doc.Packages) {
		t.Errorf("the list of modules: %d packages, %d relations, %v", len(doc.Packages), len(doc.Relationships), err)
	}
	ids := map[string]bool{}
	for _, p := range doc.Packages {
		if ids[p.ID] {
			t.Errorf("%s is in the list twice", p.ID)
		}
		ids[p.ID] = true
	}
}
