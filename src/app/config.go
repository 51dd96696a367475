package app

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"chatlab/src/errs"
)

// Load fills a pointer to a configuration struct, whose present values are the
// defaults, from (the later wins) a YAML file named by --config, environment
// variables and flags. Fields are named by `mapstructure` tags and described by
// `usage` tags; a field a.b_c of authd is the key a.b_c in the file, AUTHD_A_B_C
// in the environment and --a.b-c on the command line. Field types: string,
// bool, int, int64, float64, time.Duration, []string and structs of those.
//
// A key, variable or flag that no field has is an error that names it (code
// usage). --help prints the flags and returns pflag.ErrHelp; --version
// likewise. A secret belongs in a file whose path is configured, not here.
func (e *Env) Load(cfg any) error {
	fields := leaves(reflect.ValueOf(cfg).Elem(), "")
	v, flags := viper.New(), pflag.NewFlagSet(e.Name, pflag.ContinueOnError)
	flags.SetOutput(e.Stderr)
	flags.Usage = func() { e.usage(flags) }
	file := flags.String("config", "", "YAML configuration `file`")
	version := flags.Bool("version", false, "print the version and exit")
	for _, f := range fields {
		f.addTo(flags)
		v.SetDefault(f.key, f.value.Interface())
	}
	if err := flags.Parse(e.Args); err != nil {
		return e.usageError(err)
	}
	if *version {
		fmt.Fprintln(e.Stdout, e.Name, Version())
		return pflag.ErrHelp
	}
	if flags.NArg() > 0 {
		return e.usageError(fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	if err := e.readEnviron(v, fields, file); err != nil {
		return err
	}
	if err := e.readFile(v, *file); err != nil {
		return err
	}
	for _, f := range fields {
		if flag := flags.Lookup(f.flag()); flag.Changed {
			v.Set(f.key, f.flagValue(flags))
		}
	}
	return e.decode(v, cfg, *file)
}

func (e *Env) decode(v *viper.Viper, cfg any, file string) error {
	hook := viper.DecodeHook(mapstructure.ComposeDecodeHookFunc(
		mapstructure.StringToTimeDurationHookFunc(), mapstructure.StringToSliceHookFunc(",")))
	if err := v.UnmarshalExact(cfg, hook); err != nil {
		from := "configuration"
		if file != "" {
			from = file
		}
		return e.usageError(fmt.Errorf("%s: %s", from, oneLine(err)))
	}
	return nil
}

// oneLine turns mapstructure's list of faults into one line.
func oneLine(err error) string {
	text := strings.NewReplacer("'' has invalid keys:", "unknown key:", "has invalid keys:", "has an unknown key:",
		"decoding failed due to the following error(s):", "").Replace(err.Error())
	return strings.Join(strings.Fields(text), " ")
}

func (e *Env) usageError(err error) error {
	if err == pflag.ErrHelp {
		return err
	}
	return errs.E(errs.Usage, "%w", err).WithFix("see `%s --help`", e.Name)
}

func (e *Env) usage(flags *pflag.FlagSet) {
	fmt.Fprintf(e.Stdout, "Usage: %s [flags]\n\nEach flag --a.b-c is also the key a.b_c of the file given with --config, and the\nenvironment variable %sA_B_C. Flags win over the environment, that over the file.\n\n%s",
		e.Name, e.prefix(), flags.FlagUsages())
}

func (e *Env) prefix() string { return strings.ToUpper(e.Name) + "_" }

// readEnviron takes NAME_… variables and refuses those that name no field.
func (e *Env) readEnviron(v *viper.Viper, fields []field, file *string) error {
	for _, kv := range e.Environ {
		name, value, _ := strings.Cut(kv, "=")
		rest, ours := strings.CutPrefix(name, e.prefix())
		if !ours {
			continue
		}
		if rest == "CONFIG" {
			if *file == "" {
				*file = value
			}
			continue
		}
		i := slices.IndexFunc(fields, func(f field) bool { return f.env() == rest })
		if i < 0 {
			return e.usageError(fmt.Errorf("environment: unknown variable %s", name))
		}
		v.Set(fields[i].key, value)
	}
	return nil
}

// readFile merges the file below what the environment set.
func (e *Env) readFile(v *viper.Viper, path string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Stat(path); err != nil {
		return e.usageError(fmt.Errorf("configuration: %w", err))
	}
	v.SetConfigFile(path)
	if ext := filepath.Ext(path); ext == "" || ext == ".conf" {
		v.SetConfigType("yaml")
	}
	if err := v.ReadInConfig(); err != nil {
		return e.usageError(fmt.Errorf("configuration %s: %s", path, oneLine(err)))
	}
	return nil
}

// field is one value of a configuration struct.
type field struct {
	key, usage string
	value      reflect.Value
}

func (f field) flag() string { return strings.ReplaceAll(f.key, "_", "-") }
func (f field) env() string {
	return strings.ToUpper(strings.ReplaceAll(f.key, ".", "_"))
}

func leaves(v reflect.Value, prefix string) []field {
	var out []field
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		name, opts, _ := strings.Cut(tag.Get("mapstructure"), ",")
		sub := v.Field(i)
		switch {
		case opts == "squash":
			out = append(out, leaves(sub, prefix)...)
		case sub.Kind() == reflect.Struct:
			out = append(out, leaves(sub, prefix+name+".")...)
		default:
			out = append(out, field{key: prefix + name, usage: tag.Get("usage"), value: sub})
		}
	}
	return out
}

func (f field) addTo(flags *pflag.FlagSet) {
	switch x := f.value.Interface().(type) {
	case string:
		flags.String(f.flag(), x, f.usage)
	case bool:
		flags.Bool(f.flag(), x, f.usage)
	case int:
		flags.Int(f.flag(), x, f.usage)
	case int64:
		flags.Int64(f.flag(), x, f.usage)
	case float64:
		flags.Float64(f.flag(), x, f.usage)
	case time.Duration:
		flags.Duration(f.flag(), x, f.usage)
	case []string:
		flags.StringSlice(f.flag(), x, f.usage)
	default:
		panic(fmt.Sprintf("app: configuration field %s has type %T", f.key, x))
	}
}

func (f field) flagValue(flags *pflag.FlagSet) any {
	if _, many := f.value.Interface().([]string); many {
		s, _ := flags.GetStringSlice(f.flag())
		return s
	}
	return flags.Lookup(f.flag()).Value.String()
}
