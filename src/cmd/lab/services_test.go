package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chatlab/src/lab"
	"chatlab/src/testkit"
)

// What a person does with a lab that is up, service by service.
func TestServicesAreStoppedStartedAndTheirLogsShown(t *testing.T) {
	r := newRig(t)
	r.must("up", "--inventory", r.inv, "--no-check")

	var labs []lab.Running
	if err := json.Unmarshal([]byte(r.must("list", "--json")), &labs); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, l := range labs {
		found = found || l.State == r.state && l.Target == "local" && time.Since(l.Since) < time.Minute
	}
	if !found {
		t.Errorf("list has not %s: %+v", r.state, labs)
	}
	if out := r.must("open"); !strings.Contains(out, "auth server  http://"+r.inventory().Addresses("authd")[0]) {
		t.Errorf("open says\n%s", out)
	}

	before := r.rows()
	r.must("stop", "authd", "healthd@log")
	stopped := r.rows()
	for _, name := range []string{"auth/authd", "log/healthd"} {
		if stopped[name].State != lab.Down {
			t.Errorf("%s: %+v", name, stopped[name])
		}
	}
	if stopped["chat/healthd"].State != lab.Ready {
		t.Errorf("healthd of another node: %+v", stopped["chat/healthd"])
	}
	r.must("start", "authd", "healthd@log")
	r.must("restart", "logd")
	after := r.rows()
	for _, name := range []string{"auth/authd", "log/healthd", "log/logd"} {
		if after[name].State != lab.Ready || after[name].PID == before[name].PID {
			t.Errorf("%s: %+v", name, after[name])
		}
	}

	if out := r.must("logs", "logd", "-n", "1"); strings.Count(out, "\n") != 1 || strings.Contains(out, " | ") {
		t.Errorf("one line of one log:\n%s", out)
	}
	if out := r.must("logs"); !strings.Contains(out, "authd@auth | time=") || !strings.Contains(out, "logd@log | time=") {
		t.Errorf("all logs:\n%s", out)
	}
	if out := r.must("logs", "--since", "2100-01-01T00:00:00Z"); out != "" {
		t.Errorf("logs of the future:\n%s", out)
	}
	if out := r.must("exec", "auth", "--", "sh", "-c", "echo it runs"); out != "it runs\n" {
		t.Errorf("exec says %q", out)
	}
	for why, args := range map[string][]string{
		"hint: there are ":                {"stop", "mailer"},
		`no service "authd@log"`:          {"restart", "authd@log"},
		`no node "mars"`:                  {"exec", "mars", "--", "true"},
		"exit status 3":                   {"exec", "auth", "--", "sh", "-c", "exit 3"},
		" exec --state ":                  {"ssh", "auth"},
		"name a service, as authd":        {"start"},
		"name a node and a command":       {"exec", "auth"},
		`--since "soon" is neither`:       {"logs", "--since", "soon"},
		"are processes of this machine\n": {"ssh", "auth"},
	} {
		if _, errOut, err := r.run(args[0], args[1:]...); err == nil || !strings.Contains(errOut, why) {
			t.Errorf("%v: %v\n%s", args, err, errOut)
		}
	}
}

func TestFollowingLogsEndsWithItsReader(t *testing.T) {
	r := newRig(t)
	r.must("up", "--inventory", r.inv, "--no-check")
	cmd := exec.Command("sh", "-c", lab.Shell(r.lab, "logs", "-f", "--state", r.state)+" | head -n 3")
	var out testkit.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	testkit.Until(t, "three lines are shown", func() bool { return strings.Count(out.String(), "\n") >= 3 })
	testkit.Until(t, "it has ended", func() bool {
		signup(t, "http://"+r.inventory().Addresses("authd")[0], "u"+time.Now().Format("150405000000")) // something to log
		r.must("restart", "logd")
		select {
		case err := <-ended:
			return err == nil
		default:
			return false
		}
	})
	if strings.Contains(out.String(), "error") {
		t.Errorf("it says\n%s", out.String())
	}
}

// bash asks the program itself for what can follow.
func TestBashCompletesWhatTheLabHas(t *testing.T) {
	r := newRig(t)
	r.must("up", "--inventory", r.inv, "--no-check")
	for line, want := range map[string]string{
		"lab sta":                         "start status",
		"lab restart --state STATE chatd": "chatd chatd-logger chatd@chat chatd-logger@chat",
		"lab exec --state STATE l":        "log",
		"lab check --state STATE auth.he": "auth.health",
		"lab drill kill-l":                "kill-logger kill-logd",
	} {
		line = strings.ReplaceAll(line, "STATE", r.state)
		script := `. /usr/share/bash-completion/bash_completion 2>/dev/null
PATH=` + lab.Shell(r.lab[:strings.LastIndex(r.lab, "/")]) + `:$PATH
. <(lab completion bash)
COMP_LINE=` + lab.Shell(line) + ` COMP_POINT=${#COMP_LINE}
read -ra COMP_WORDS <<<"$COMP_LINE"
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_get_comp_words_by_ref() { cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD; }
__start_lab
echo $(printf '%s\n' "${COMPREPLY[@]}" | sed 's/ .*//')`
		out, err := exec.Command("bash", "-c", script).Output()
		if got := strings.Fields(string(out)); err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v %q, want %q", line, err, out, want)
		}
	}
}

// Shells that are there complete what the lab has.
func TestZshAndFishComplete(t *testing.T) {
	path := "PATH=" + filepath.Dir(filepath.Join(programs(t), "lab")) + ":" + os.Getenv("PATH")
	for shell, tt := range map[string]struct {
		options []string
		script  string
	}{
		"zsh": {[]string{"-f", "-c"}, `compdef() {}
_describe() { print -rl -- ${completions%%:*} }
. <(lab completion zsh)
words=(lab drill kill-l) CURRENT=3
_lab
words=(lab sta) CURRENT=2
_lab`},
		"fish": {[]string{"-N", "-c"}, `lab completion fish | source
complete -C 'lab drill kill-l'
complete -C 'lab sta'`},
	} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skip("no", shell, "here")
			}
			cmd := exec.Command(shell, append(tt.options, tt.script)...)
			cmd.Env, cmd.Dir = append(os.Environ(), path, "HOME="+t.TempDir()), t.TempDir()
			out, err := cmd.CombinedOutput()
			var words []string
			for line := range strings.Lines(string(out)) {
				words = append(words, strings.Fields(line)[0])
			}
			slices.Sort(words)
			if got := strings.Join(words, " "); err != nil || got != "kill-logd kill-logger start status" {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
