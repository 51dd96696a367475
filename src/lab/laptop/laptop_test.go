package laptop_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"chatlab/src/lab/inventory"
	"chatlab/src/lab/laptop"
)

func TestAHostWithNothingWrongHasNoFindings(t *testing.T) {
	for _, provider := range []string{"virtualbox", "libvirt"} {
		t.Run(provider, func(t *testing.T) {
			r := newRig(t)
			t.Setenv("VAGRANT_DEFAULT_PROVIDER", provider)
			r.program("ip", `echo '[{"dst":"default","dev":"eth0"},{"dst":"10.20.75.0/24","dev":"`+map[string]string{"virtualbox": "vboxnet0", "libvirt": "virbr1"}[provider]+`"}]'`)
			for _, f := range r.findings() {
				t.Errorf("%+v", f)
			}
		})
	}
}

// cases provoke one finding each; testdata/NAME.golden is what people read.
var cases = map[string]func(r *rig){
	"vagrant-missing": func(r *rig) { r.gone(filepath.Join(r.bin, "vagrant")) },
	"vagrant-old": func(r *rig) {
		r.says("vagrant", "2.4.9", "2.2.19")
		r.program("VBoxManage", strings.ReplaceAll(programs["VBoxManage"], "7.2.4", "6.1.50"))
	},
	"virtualbox-unknown": func(r *rig) { r.says("vagrant", "2.4.9", "2.4.1") },
	"virtualbox-7.1": func(r *rig) {
		r.says("vagrant", "2.4.9", "2.3.4")
		r.program("VBoxManage", strings.ReplaceAll(programs["VBoxManage"], "7.2.4", "7.1.4"))
	},
	"virtualbox-too-new": func(r *rig) { r.says("VBoxManage", "7.2.4", "7.3.0") },
	"virtualbox-module": func(r *rig) {
		r.says("VBoxManage", "echo 7.2.4", "echo 'WARNING: The vboxdrv kernel module is not loaded.'; echo 7.2.4")
	},
	"virtualbox-missing": func(r *rig) { r.gone(filepath.Join(r.bin, "VBoxManage")) },
	"virtualbox-beside-kvm": func(r *rig) {
		r.write(r.root, "sys/module/kvm/parameters/enable_virt_at_load", "Y\n", 0o600)
		r.write(r.root, "sys/module/kvm_intel/refcnt", "0\n", 0o600)
	},
	"hypervisor-missing": func(r *rig) {
		r.own("provider: null\n")
		r.gone(filepath.Join(r.bin, "VBoxManage"), filepath.Join(r.bin, "virsh"))
		r.says("vagrant", "vagrant-libvirt (0.12.2, global)", "No plugins installed.")
	},
	"provider-unknown": func(r *rig) { r.own("provider: hyperv\n") },
	"hostonly-default": func(r *rig) { r.gone(filepath.Join(r.root, "etc/vbox/networks.conf")) },
	"hostonly-file":    func(r *rig) { r.write(r.root, "etc/vbox/networks.conf", "* 192.0.2.0/24\n#* 10.20.75.0/24\n", 0o600) },
	"hostonly-both": func(r *rig) {
		r.gone(filepath.Join(r.root, "etc/vbox/networks.conf"))
		r.write(r.project, "vagrant/networks.yml", "public: {address: public_address}\nprivate: {address: private_address}\n", 0o600)
	},
	"hostonly-broken": func(r *rig) { r.write(r.root, "etc/vbox/networks.conf", "* 10.20.0.0/16, 192.0.2.0\n", 0o600) },
	"route-same":      func(r *rig) { r.says("ip", "vboxnet0", "docker0") },
	"route-inside": func(r *rig) {
		r.says("ip", `"10.20.75.0/24","dev":"vboxnet0"`, `"10.20.75.12","gateway":"192.0.2.7","dev":"tun0"`)
	},
	"route-broader": func(r *rig) {
		r.says("ip", `"10.20.75.0/24","dev":"vboxnet0"`, `"10.0.0.0/8","gateway":"192.0.2.7","dev":"tun0"`)
	},
	"route-unknown": func(r *rig) { r.program("ip", "echo 'Option \"-j\" is unknown' >&2; exit 255") },
	"libvirt-away": func(r *rig) {
		useLibvirt(r)
		r.program("virsh", "echo 'error: failed to connect to the hypervisor' >&2; exit 1")
	},
	"libvirt-plugin": func(r *rig) {
		useLibvirt(r)
		r.says("vagrant", "vagrant-libvirt (0.12.2, global)", "No plugins installed.")
	},
	"libvirt-no-kvm": func(r *rig) { useLibvirt(r); r.gone(filepath.Join(r.root, "dev/kvm")) },
	"libvirt-no-kvm-el9": func(r *rig) {
		r.own("profile: el9\nprovider: libvirt\nboxes: {el9: {libvirt: {name: own/box, file: vagrant/boxes/own.box}}}\n")
		r.program("ip", "echo '[]'")
		r.gone(filepath.Join(r.root, "dev/kvm"))
	},
	"libvirt-emulated": func(r *rig) {
		r.own("provider: libvirt\nproviders: {libvirt: {driver: qemu}}\n")
		r.program("ip", "echo '[]'")
		r.gone(filepath.Join(r.root, "dev/kvm"))
	},
	"libvirt-same": func(r *rig) {
		useLibvirt(r)
		r.program("virsh", strings.ReplaceAll(programs["virsh"], "192.0.2.1", "10.20.75.1"))
	},
	"libvirt-overlap": func(r *rig) {
		useLibvirt(r)
		r.program("virsh", strings.ReplaceAll(programs["virsh"], "address='192.0.2.1' netmask='255.255.255.0'", "address='10.20.0.1' netmask='255.255.0.0'"))
	},
	"libvirt-private":    func(r *rig) { useLibvirt(r); r.says("virsh", "192.0.2.1", "10.20.123.1") },
	"libvirt-left":       func(r *rig) { useLibvirt(r); r.says("virsh", "10.20.75.1", "10.9.9.1") },
	"libvirt-management": func(r *rig) { useLibvirt(r); r.says("virsh", "192.0.2.1", "192.168.121.1") },
	"libvirt-other-kit": func(r *rig) {
		useLibvirt(r)
		r.program("virsh", strings.ReplaceAll(strings.ReplaceAll(programs["virsh"], "default", "vagrant-libvirt"), "192.0.2.1", "10.20.123.1"))
	},
	"management-routed": func(r *rig) { useLibvirt(r); r.program("ip", `echo '[{"dst":"192.168.121.0/24","dev":"wlan0"}]'`) },
	"architecture":      func(r *rig) { r.program("uname", "echo arm64") },
	"architecture-el7": func(r *rig) {
		r.own("profile: el7\nprovider: libvirt\nproviders: {libvirt: {driver: qemu, machine_arch: x86_64, cpu_mode: maximum}}\n")
		r.program("uname", "echo aarch64")
		r.program("ip", "echo '[]'")
		r.write(r.project, "ansible/profiles/el7.yml", "profile_repositories: []\n", 0o600)
	},
	"cpu-avx":            func(r *rig) { r.write(r.root, "proc/cpuinfo", "flags : fpu svm sse4_2\n", 0o600) },
	"cpu-virtualization": func(r *rig) { r.write(r.root, "proc/cpuinfo", "flags : fpu avx\n", 0o600) },
	"cpu-virtualization-embedded": func(r *rig) { // AVX is not asked for, this still is
		r.own("variables: {mongodb_embedded: true}\n")
		r.write(r.root, "proc/cpuinfo", "flags : fpu\n", 0o600)
	},
	"memory-total": func(r *rig) {
		r.write(r.root, "proc/meminfo", "MemTotal: 2097152 kB\nMemAvailable: 1048576 kB\n", 0o600)
	},
	"memory-free": func(r *rig) {
		r.write(r.root, "proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 1048576 kB\n", 0o600)
	},
	"memory-some-run": func(r *rig) {
		r.says("VBoxManage", "'list runningvms') ;;", `'list runningvms') echo '"chatlab-lab-log" {1}' ;;`)
		r.write(r.root, "proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 1048576 kB\n", 0o600)
	},
	"memory-macos": func(r *rig) {
		r.os = "darwin"
		r.gone(filepath.Join(r.root, "proc/meminfo"))
		r.program("sysctl", "echo 2147483648")
	},
	"disk-full":   func(r *rig) { r.says("df", "104857600", "204800") },
	"disk-scarce": func(r *rig) { useLibvirt(r); r.says("df", "104857600", "4194304") },
	"ansible-old": func(r *rig) { r.says("ansible-playbook", "[core 2.14.18]", "2.9.27") },
	"ansible-broken": func(r *rig) {
		r.program("ansible-playbook", "echo 'ModuleNotFoundError: No module named ansible' >&2; exit 1")
	},
	"ansible-mute":        func(r *rig) { r.program("ansible-playbook", "echo hello") },
	"ansible-new-el7":     func(r *rig) { el7(r); r.says("ansible-playbook", "2.14.18", "2.17.1") },
	"ansible-missing-el7": func(r *rig) { el7(r); r.gone(filepath.Join(r.bin, "ansible-playbook")) },
	"ansible-missing":     func(r *rig) { r.own("ansible: host\n"); r.gone(filepath.Join(r.bin, "ansible-playbook")) },
	"collection-missing":  func(r *rig) { r.write(r.project, "ansible/requirements.yml", "collections: [other.thing]\n", 0o600) },
	"collection-version": func(r *rig) {
		r.write(r.project, "ansible/requirements.yml", "collections: [{name: some.thing, version: '>=1.0,<1.9.3'}]\n", 0o600)
	},
	"box-not-built": func(r *rig) { useLibvirt(r); r.gone(filepath.Join(r.project, "vagrant/boxes/own.box")) },
	"box-no-build":  func(r *rig) { r.own("boxes: {debian12: {virtualbox: {name: my/box, file: my.box}}}\n") },
	"box-no-file": func(r *rig) {
		r.own("boxes: {debian12: {virtualbox: {name: my/box, url: 'file:///nowhere/my.box'}}}\n")
	},
	"box-unknown":     func(r *rig) { r.own("profile: other\n") },
	"settings-broken": func(r *rig) { r.own("memory: [\n") },
}

// Where there is no MongoDB, nobody needs AVX.
func TestALabWithoutMongoDBNeedsNoAVX(t *testing.T) {
	for where, change := range map[string]func(r *rig){
		"vagrant/local.yml": func(r *rig) { r.own("variables: {mongodb_embedded: true}\n") },
		"the inventory": func(r *rig) {
			r.write(r.project, "lab/hosts.yml", strings.Replace(hosts, "vars: {", "vars: {mongodb_embedded: true, ", 1), 0o600)
		},
	} {
		t.Run(where, func(t *testing.T) {
			r := newRig(t)
			r.write(r.root, "proc/cpuinfo", "flags : fpu vmx\n", 0o600)
			change(r)
			for _, f := range r.findings() {
				t.Errorf("%+v", f)
			}
		})
	}
}

func useLibvirt(r *rig) {
	r.own("provider: libvirt\n")
	r.program("ip", `echo '[{"dst":"10.20.75.0/24","dev":"virbr1"}]'`)
}

func el7(r *rig) {
	r.own("profile: el7\n")
	r.write(r.project, "ansible/profiles/el7.yml", "profile_repositories: []\n", 0o600)
}

func TestEachFindingSaysWhatWhyAndFix(t *testing.T) {
	for name, provoke := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			provoke(r)
			for _, f := range r.golden(name) {
				if f.Name == "" || f.What == "" || f.Why == "" || f.Fix == "" {
					t.Errorf("it does not say all: %+v", f)
				}
			}
		})
	}
}

func TestEveryGoldenFileHasItsCase(t *testing.T) {
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) < len(cases) {
		t.Fatalf("%d files, %d cases: %v", len(files), len(cases), err)
	}
	others := map[string]bool{"route-namespace": true, "mirrors": true, "box-registry": true, "box-registry-none": true, "box-registry-away": true, "box-url": true, "libvirt-driver": true}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".golden")
		if cases[name] == nil && !others[name] {
			t.Errorf("%s belongs to no test", file)
		}
	}
}

// server answers some paths, on a loopback address.
func server(t *testing.T, answers map[string]int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, there := answers[r.URL.Path]; there {
			w.WriteHeader(status)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestDeadMirrorsAreNamed(t *testing.T) {
	r := newRig(t)
	at := server(t, map[string]int{"/7/os/repodata/repomd.xml": 200, "/other/repodata/repomd.xml": 503})
	r.own("profile: el7\nvariables: {profile_vault: '" + at + "/7'}\n")
	r.write(r.project, "ansible/profiles/el7.yml", `profile_vault: http://unused.invalid
profile_repositories:
  - {name: base, url: "{{ profile_vault }}/os/"}
  - {name: updates, url: "{{ profile_vault }}/updates/"}
profile_other_repositories: [{name: other, url: `+at+`/other}]
`, 0o600)
	r.golden("mirrors", at, "http://SERVER")
}

func TestTheBoxOfARegistry(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	for name, at := range map[string]string{
		"box-registry":      server(t, map[string]int{"/new/box": 200}),
		"box-registry-none": server(t, nil),
		"box-registry-away": away.URL,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.own("boxes: {debian12: {virtualbox: {name: new/box}}}\n")
			t.Setenv("VAGRANT_SERVER_URL", at)
			r.golden(name, at, "http://SERVER", strings.TrimPrefix(at, "http://"), "SERVER")
		})
	}
}

func TestTheBoxOfAnAddress(t *testing.T) {
	r := newRig(t)
	at := server(t, map[string]int{"/gone.box": 410})
	r.own("boxes: {debian12: {virtualbox: {name: my/box, url: '" + at + "/gone.box'}}}\n")
	r.golden("box-url", at, "http://SERVER")
}

// The real `ip`, in a network namespace that has the lab's subnet already.
func TestASubnetThatIsRoutedInRealityIsFound(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	ip := realProgram(t, "ip")
	r := newRig(t)
	name := "chatlab-doctor-test"
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(ip, args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v\n%s", args, err, out)
		}
	}
	run("netns", "add", name)
	t.Cleanup(func() { run("netns", "delete", name) })
	run("-n", name, "link", "add", "other0", "type", "bridge")
	run("-n", name, "address", "add", "10.20.75.1/24", "dev", "other0")
	run("-n", name, "link", "set", "other0", "up")
	r.program("ip", `exec `+ip+` -n `+name+` "$@"`)
	r.golden("route-namespace")
}

// The real `virsh`, of libvirt's own driver for tests, which needs no daemon and
// has the network that libvirt comes with.
func TestANetworkOfTheRealLibvirtIsFound(t *testing.T) {
	virsh := realProgram(t, "virsh")
	r := newRig(t)
	r.own("provider: libvirt\nproviders: {libvirt: {uri: 'test:///default'}}\n")
	r.write(r.project, "lab/hosts.yml", strings.ReplaceAll(hosts, "10.20.75.", "192.168.122."), 0o600)
	r.program("virsh", `exec `+virsh+` "$@"`)
	r.program("ip", "echo '[]'")
	r.golden("libvirt-driver")
}

func TestTheProjectsOwnTablesAreUnderstood(t *testing.T) {
	r := newRig(t)
	project := filepath.Join("..", "..", "..")
	if _, err := os.Stat(filepath.Join(project, "vagrant", "settings.yml")); err != nil {
		t.Skip("the project has no vagrant/settings.yml")
	}
	t.Setenv("CHATLAB_PROFILE", "debian12")
	t.Setenv("VAGRANT_SERVER_URL", server(t, nil)) // no test asks the registry itself
	t.Setenv("CHATLAB_VAGRANT_LOCAL", filepath.Join(r.project, "vagrant", "settings.yml"))
	inv, err := inventory.Load(filepath.Join(project, "ansible", "inventories", "lab"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range laptop.Doctor(t.Context(), laptop.Options{Project: project, Inventory: inv, Root: r.root, OS: "linux"}) {
		names[f.Name] = true
	}
	for _, want := range []string{"vagrant", "hypervisor", "hostonly", "route.public", "memory", "ansible", "box"} {
		if !names[want] {
			t.Errorf("nothing is said of %s: %v", want, names)
		}
	}
}
