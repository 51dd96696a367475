package app_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"chatlab/src/app"
	"chatlab/src/errs"
)

type config struct {
	Listen string        `mapstructure:"listen" usage:"address"`
	Wait   time.Duration `mapstructure:"wait" usage:"how long"`
	Many   []string      `mapstructure:"many" usage:"names"`
	Debug  bool          `mapstructure:"debug" usage:"say more"`
	Limits struct {
		PerSecond int `mapstructure:"per_second" usage:"a rate"`
	} `mapstructure:"limits"`
}

func load(t *testing.T, file string, environ []string, args ...string) (config, string, error) {
	t.Helper()
	if file != "" {
		path := filepath.Join(t.TempDir(), "demo.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	cfg := config{Listen: ":1", Wait: time.Second, Many: []string{"a"}}
	cfg.Limits.PerSecond = 5
	var out bytes.Buffer
	env := &app.Env{Name: "demo", Args: args, Environ: environ, Stdout: &out, Stderr: &out}
	err := env.Load(&cfg)
	return cfg, out.String(), err
}

func TestFlagsWinOverEnvironmentOverFileOverDefaults(t *testing.T) {
	file := "listen: file\nwait: 2s\nmany: [f, g]\nlimits:\n  per_second: 6\n"
	environ := []string{"DEMO_LISTEN=env", "DEMO_LIMITS_PER_SECOND=7", "DEMO_MANY=x,y", "OTHER_THING=1"}
	tests := map[string]struct {
		file    string
		environ []string
		args    []string
		want    string
	}{
		"defaults": {"", nil, nil, ":1 1s a 5"},
		"file":     {file, nil, nil, "file 2s f+g 6"},
		"env":      {file, environ, nil, "env 2s x+y 7"},
		"flags":    {file, environ, []string{"--listen", "flag", "--limits.per-second=8", "--many", "q"}, "flag 2s q 8"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg, _, err := load(t, tt.file, tt.environ, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join([]string{cfg.Listen, cfg.Wait.String(), strings.Join(cfg.Many, "+"), itoa(cfg.Limits.PerSecond)}, " ")
			if got != tt.want {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func itoa(n int) string { return string(rune('0' + n)) }

func TestMistakesAreNamed(t *testing.T) {
	tests := map[string]struct {
		file    string
		environ []string
		args    []string
		want    string
	}{
		"key in file":        {"lissen: x\n", nil, nil, "lissen"},
		"nested key in file": {"limits: {per_minute: 3}\n", nil, nil, "per_minute"},
		"variable":           {"", []string{"DEMO_LISSEN=x"}, nil, "DEMO_LISSEN"},
		"flag":               {"", nil, []string{"--lissen=x"}, "--lissen"},
		"argument":           {"", nil, []string{"extra"}, `"extra"`},
		"wrong type":         {"wait: soon\n", nil, nil, "'wait'"},
		"not YAML":           {"listen: [\n", nil, nil, "demo.yaml"},
		"no file":            {"", nil, []string{"--config", "/nowhere.yaml"}, "/nowhere.yaml"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := load(t, tt.file, tt.environ, tt.args...)
			if !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error = %v, want one line with %q", err, tt.want)
			}
			if app.ExitStatus(err) != 2 {
				t.Fatalf("exit status %d, want 2", app.ExitStatus(err))
			}
		})
	}
}

func TestHelpListsEveryField(t *testing.T) {
	_, out, err := load(t, "", nil, "--help")
	if !errors.Is(err, pflag.ErrHelp) || app.ExitStatus(err) != 0 {
		t.Fatalf("error = %v", err)
	}
	for _, want := range []string{"--listen", "--wait", "--many", "--limits.per-second", "DEMO_"} {
		if !strings.Contains(out, want) {
			t.Errorf("help lacks %s:\n%s", want, out)
		}
	}
}
