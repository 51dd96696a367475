package laptop_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"chatlab/src/lab/inventory"
	"chatlab/src/lab/laptop"
	"chatlab/src/lab/local"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

const hosts = `all:
  vars: {auth_port: 8081, chat_port: 8082, logd_port: 8083, healthd_port: 10060, mongodb_port: 27017,
    authd_ops_port: 9081, chatd_ops_port: 9082, logd_ops_port: 9083, healthd_ops_port: 9060, authd_logger_ops_port: 9091, chatd_logger_ops_port: 9092}
  hosts:
    log: {public_address: 10.20.75.11, private_address: 10.20.123.11}
    chat: {public_address: 10.20.75.12, private_address: 10.20.123.12}
    auth: {public_address: 10.20.75.14, private_address: 10.20.123.14}
  children:
    authd: {hosts: {auth: {}}}
    chatd: {hosts: {chat: {}}}
    logd: {hosts: {log: {}}}
    healthd: {hosts: {log: {}, chat: {}, auth: {}}}
    mongodb: {hosts: {log: {}}}
`

// project is what the lab asks for, as the files of vagrant/ have it.
var project = map[string]string{
	"vagrant/settings.yml":                      "profile: debian12\nprovider: virtualbox\nmemory: 1024\nmachines: {log: {memory: 2048}}\nansible: null\nvariables: {}\n",
	"vagrant/boxes.yml":                         "debian12:\n  virtualbox: {name: some/box, version: 1.2.3, registry: true}\n  libvirt: {name: own/box, file: vagrant/boxes/own.box, build: vagrant/boxes/own}\nel7:\n  virtualbox: {name: own/box, file: vagrant/boxes/own.box, build: vagrant/boxes/own}\n  libvirt: {name: own/box, file: vagrant/boxes/own.box, build: vagrant/boxes/own}\n",
	"vagrant/networks.yml":                      "public: {address: public_address, virtualbox: {}, libvirt: {libvirt__network_name: '%{lab}-public', libvirt__forward_mode: none}}\nprivate: {address: private_address, virtualbox: {virtualbox__intnet: '%{lab}-private'}, libvirt: {libvirt__network_name: '%{lab}-private', libvirt__forward_mode: veryisolated}}\n",
	"vagrant/providers.yml":                     "virtualbox: {name: '%{lab}-%{machine}'}\nlibvirt: {default_prefix: '%{lab}-'}\n",
	"vagrant/boxes/own.box":                     "",
	"ansible/requirements.yml":                  "collections: []\n",
	"lab/hosts.yml":                             hosts,
	"ansible/roles/preflight/defaults/main.yml": "preflight_core_before: {el7: '2.17'}\n",
}

// root is what the host tells of itself in files.
var root = map[string]string{
	"proc/cpuinfo":           "processor\t: 0\nflags\t\t: fpu vmx avx avx2\n",
	"proc/meminfo":           "MemTotal:       16777216 kB\nMemAvailable:   12582912 kB\n",
	"etc/vbox/networks.conf": "# comment\n* 10.20.0.0/16\n",
	"dev/kvm":                "",
}

// programs are those of a host with nothing wrong, as shell scripts.
var programs = map[string]string{
	"vagrant": `case "$*" in
--version) echo Vagrant 2.4.9 ;;
'plugin list') echo 'vagrant-libvirt (0.12.2, global)' ;;
'box list'*) printf '1,,box-name,some/box\n1,,box-provider,virtualbox\n1,,box-version,1.2.3\n1,,box-architecture,amd64\n' ;;
*) exit 9 ;;
esac`,
	"VBoxManage": `case "$*" in
--version) echo 7.2.4r170995 ;;
'list runningvms') ;;
'list systemproperties') echo 'Default machine folder:          /home/some/VirtualBox VMs' ;;
*) exit 9 ;;
esac`,
	"virsh": `case "$*" in
*' version') printf 'Compiled against library: libvirt 9.0.0\nUsing library: libvirt 9.0.0\nUsing API: QEMU 9.0.0\nRunning hypervisor: QEMU 7.2.22\n' ;;
*' list --name') ;;
*' net-list --all --name') echo default; echo chatlab-lab-public ;;
*' net-dumpxml default') echo "<network><name>default</name><bridge name='virbr0'/><ip address='192.0.2.1' netmask='255.255.255.0'/></network>" ;;
*' net-dumpxml chatlab-lab-public') echo "<network><name>chatlab-lab-public</name><bridge name='virbr1'/><ip address='10.20.75.1' prefix='24'/></network>" ;;
*' pool-dumpxml default') echo '<pool><target><path>/srv/images</path></target></pool>' ;;
*) exit 9 ;;
esac`,
	"ip":               `echo '[{"dst":"default","gateway":"192.0.2.1","dev":"eth0"},{"dst":"192.0.2.0/24","dev":"eth0"},{"dst":"10.20.75.0/24","dev":"vboxnet0"}]'`,
	"uname":            `echo x86_64`,
	"df":               `printf 'Filesystem 1024-blocks Used Available Capacity Mounted\n/dev/x 1 1 104857600 1%% /\n'`,
	"ansible-playbook": `case "$LC_ALL" in *UTF-8) echo 'ansible-playbook [core 2.14.18]' ;; *) echo 'ERROR: Ansible requires UTF-8' >&2; exit 1 ;; esac`,
	"ansible-galaxy":   `echo '{"/usr/share": {"some.thing": {"version": "1.9.3"}}}'`,
}

// rig is a lab's project and a host of files and programs of its own.
type rig struct {
	t                  *testing.T
	project, root, bin string
	os                 string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{t: t, project: filepath.Join(dir, "project"), root: filepath.Join(dir, "root"), bin: filepath.Join(dir, "bin"), os: "linux"}
	for path, text := range project {
		r.write(r.project, path, text, 0o600)
	}
	for path, text := range root {
		r.write(r.root, path, text, 0o600)
	}
	for name, text := range programs {
		r.program(name, text)
	}
	t.Setenv("PATH", r.bin)
	t.Setenv("VAGRANT_HOME", "/home/some/.vagrant.d")
	for _, name := range []string{"CHATLAB_PROFILE", "CHATLAB_VAGRANT_LOCAL", "VAGRANT_DEFAULT_PROVIDER", "VAGRANT_SERVER_URL", "HTTP_PROXY", "http_proxy"} {
		t.Setenv(name, "")
	}
	return r
}

func (r *rig) write(dir, path, text string, mode os.FileMode) {
	r.t.Helper()
	path = filepath.Join(dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) program(name, script string) { r.write(r.bin, name, "#!/bin/sh\n"+script+"\n", 0o700) }

// says replaces a word in what a program prints.
func (r *rig) says(name, old, now string) {
	r.t.Helper()
	if !strings.Contains(programs[name], old) {
		r.t.Fatalf("%s never says %q", name, old)
	}
	r.program(name, strings.ReplaceAll(programs[name], old, now))
}

func (r *rig) own(text string) { r.write(r.project, "vagrant/local.yml", text, 0o600) }

func (r *rig) gone(paths ...string) {
	r.t.Helper()
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) findings() []local.Finding {
	r.t.Helper()
	inv, err := inventory.Load(filepath.Join(r.project, "lab"))
	if err != nil {
		r.t.Fatal(err)
	}
	return laptop.Findings(r.t.Context(), laptop.Options{Project: r.project, Inventory: inv, Root: r.root, OS: r.os})
}

// golden compares the findings, as people read them, with a file.
func (r *rig) golden(name string, replace ...string) []local.Finding {
	r.t.Helper()
	var out strings.Builder
	found := r.findings()
	for _, f := range found {
		out.WriteString(f.String())
	}
	got := strings.NewReplacer(append(replace, r.project, "PROJECT")...).Replace(out.String())
	if got == "" {
		r.t.Fatal("nothing was found")
	}
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	if got != string(want) {
		r.t.Errorf("%s (-update writes it anew)\n--- got\n%s--- want\n%s", path, got, want)
	}
	return found
}

// realProgram is a program of the machine that the test runs on.
func realProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}
