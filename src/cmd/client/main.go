// Command client signs in at the auth server and chats at the chat server.
//
//	$ client
//	ID: test1
//	PW: ******
//	ok
//	connected.
//	test1 : dk
//
// Lines are said in the room, /help lists the commands. On a terminal a line
// being typed stays below what others say, and leaves when it is said: it comes
// back as one's own. In a pipe the first two lines are ID and PW, the others
// are said one after the other; the client leaves when all are stored.
// Refusals are shown on standard error as `error: CODE: text`. Exit status: 0
// all was said, 1 something failed, 2 it could not start.
package main

import (
	"context"
	"crypto/x509"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"chatlab/src/app"
	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/mtls"
)

func main() { os.Exit(app.Main("client", run)) }

// program is one run of the client.
type program struct {
	env          *app.Env
	flags        settings
	config       string
	id           string
	passwordFile string
	email        string

	settings settings
	person   person
	auth     *client.Auth
	roots    *x509.CertPool // of servers with TLS; nil: the system's
}

func run(ctx context.Context, env *app.Env) error {
	p := &program{env: env}
	root := &cobra.Command{
		Use: "client", Short: "Sign in and chat", Args: noArgs,
		Long:    "Sign in and chat. The servers' addresses are read from --config, else $CLIENT_CONFIG,\nelse .lab/client.yaml in this folder or one above, else that of a lab in\n~/.local/state/chatlab, else /etc/chatlab/client.yaml\n(YAML: auth, a list of base URLs; chat, a list of host:port or tls://host:port; room; ca).",
		Example: "  client            asks ID and PW, then chats\n  client signup     makes a user\n  echo hello | client --id kim --password-file kim.pw",
		Version: app.Version(), SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		RunE:              func(cmd *cobra.Command, _ []string) error { return p.with(cmd.Context(), p.chat) },
	}
	signUp := &cobra.Command{
		Use: "signup", Short: "Make a user: asks ID, PW and EMAIL", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.with(cmd.Context(), p.signUp) },
	}
	signUp.Flags().StringVar(&p.email, "email", "", "the user's e-mail `address`, instead of asking")
	root.AddCommand(signUp)
	for _, sub := range []struct {
		use, short string
		work       func(context.Context) error
	}{
		{"logout", "End all sessions and tokens of a user", p.logout},
		{"passwd", "Change the password, and end all sessions and tokens", p.changePassword},
		{"token", "Sign in and print an access token, for nc and other programs", p.token},
	} {
		root.AddCommand(&cobra.Command{
			Use: sub.use, Short: sub.short, Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return p.with(cmd.Context(), sub.work) },
		})
	}
	flags := root.PersistentFlags()
	flags.StringSliceVar(&p.flags.Auth, "auth", nil, "base `URL`s of the auth servers, http://host:8081 or https://")
	flags.StringVar(&p.flags.CA, "ca", "", "PEM `file` of the CA of servers with TLS (default the system's)")
	flags.StringVar(&p.config, "config", "", "configuration `file`")
	flags.StringVar(&p.id, "id", "", "the user's `id`, instead of asking")
	flags.StringVar(&p.passwordFile, "password-file", "", "`file` whose first line is the password, instead of asking")
	root.Flags().StringSliceVar(&p.flags.Chat, "chat", nil, "`host:port` of the chat servers, tls://host:port with TLS")
	root.Flags().StringVar(&p.flags.Room, "room", "", "`room` to begin in (default lobby)")
	root.SetVersionTemplate("client {{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.SetArgs(slices.Clone(env.Args))
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	return root.ExecuteContext(ctx)
}

func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(errs.E(errs.Usage, "unexpected argument %q", args[0]))
	}
	return nil
}

func usage(err error) error {
	return errs.E(errs.Usage, "%w", err).WithFix("see `client --help`")
}

// with prepares the program, does the work, and words what goes wrong in it:
// one line `error: text`, and what to do about it in another where that is
// known. What keeps it from starting is app.Main's to word.
func (p *program) with(ctx context.Context, work func(context.Context) error) error {
	if err := p.configure(); err != nil {
		return err
	}
	defer p.auth.Close()
	var err error
	if p.person, err = newPerson(p.env); err != nil {
		return err
	}
	defer p.person.close()
	if err = work(ctx); err == nil || errs.Is(err, errs.Usage) {
		return err
	}
	if err != errSaid {
		p.person.fault("error: " + client.Printable(err.Error()))
		if fix := errs.FixOf(err); fix != "" {
			p.person.fault("hint: " + client.Printable(fix))
		}
	}
	return errSaid
}

// errSaid is a failure that the person has been told.
var errSaid error = &errs.Error{Code: errs.Failed}

// configure finds the servers: flags win over the file.
func (p *program) configure() error {
	folder, _ := os.Getwd()
	var err error
	if p.settings, err = readSettings(findFile(p.config, p.env.Variable("CLIENT_CONFIG"), folder, p.env.StateHome())); err != nil {
		return err
	}
	if len(p.flags.Auth) > 0 {
		p.settings.Auth = p.flags.Auth
	}
	if len(p.flags.Chat) > 0 {
		p.settings.Chat = p.flags.Chat
	}
	if p.flags.Room != "" {
		p.settings.Room = p.flags.Room
	}
	if p.flags.CA != "" {
		p.settings.CA = p.flags.CA
	}
	if len(p.settings.Auth) == 0 {
		return errs.E(errs.Usage, "no address of the auth server").
			WithFix("run this where `lab up` was run, or give --config FILE, or --auth and --chat")
	}
	if p.roots, err = mtls.Roots(p.settings.CA); err != nil {
		return err
	}
	p.auth, err = client.NewAuthOf(p.roots, p.settings.Auth...)
	return err
}
