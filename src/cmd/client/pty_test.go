//go:build !fuzz

package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"chatlab/src/app"
	"chatlab/src/client"
	"chatlab/src/testkit"
)

// typist is a person at a terminal: a pty, the screen that shows it, and a
// client that runs on it.
type typist struct {
	t      *testing.T
	master *os.File
	slave  *os.File
	screen *screen
	before unix.Termios
	stop   context.CancelFunc
	ended  chan error
}

func openPTY(t *testing.T, cols int) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pty here: %v", err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(cols)}); err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// sit runs the client with arguments on a terminal.
func sit(t *testing.T, s *servers, cols int, args ...string) *typist {
	t.Helper()
	p := &typist{t: t, screen: &screen{cols: cols}, ended: make(chan error, 1)}
	p.master, p.slave = openPTY(t, cols)
	p.before = p.settings()
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	env := &app.Env{
		Name: "client", Args: append([]string{"--auth", s.auth, "--config", os.DevNull}, args...),
		Stdin: p.slave, Stdout: p.slave, Stderr: p.slave,
	}
	go p.watch()
	go func() { p.ended <- run(ctx, env) }()
	t.Cleanup(func() {
		cancel()
		_ = p.slave.Close()
		_ = p.master.Close()
	})
	// Before the first prompt the terminal still echoes typed keys.
	testkit.Until(t, "the client prompts", func() bool { return strings.HasSuffix(p.screen.text(), ":") })
	return p
}

func (p *typist) watch() {
	buf := make([]byte, 4096)
	rest := ""
	for {
		n, err := p.master.Read(buf)
		if err != nil {
			return
		}
		text := rest + string(buf[:n])
		cut := len(text) // not within a character
		for cut > 0 && cut > len(text)-3 && text[cut-1] >= 0x80 {
			cut--
		}
		if strings.ToValidUTF8(text, "") == text {
			cut = len(text)
		}
		rest = text[cut:]
		p.screen.write(text[:cut])
	}
}

func (p *typist) settings() unix.Termios {
	p.t.Helper()
	tio, err := unix.IoctlGetTermios(int(p.slave.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return *tio
}

// press types keys, one after the other.
func (p *typist) press(keys string) {
	p.t.Helper()
	for i := range len(keys) {
		if _, err := p.master.Write([]byte{keys[i]}); err != nil {
			p.t.Fatal(err)
		}
	}
}

// sees waits until the screen shows exactly this.
func (p *typist) sees(want string) {
	p.t.Helper()
	defer p.shows()
	testkit.Until(p.t, "the screen shows\n"+want, func() bool { return p.screen.text() == want })
}

// shows logs the screen of a test that has failed.
func (p *typist) shows() {
	if p.t.Failed() {
		p.t.Logf("the screen shows\n%s", p.screen.text())
	}
}

// leaves waits for the client's end, and looks whether the terminal is as before.
func (p *typist) leaves() error {
	p.t.Helper()
	var err error
	done := false
	testkit.Until(p.t, "the client ends", func() bool {
		select {
		case err = <-p.ended:
			done = true
		default:
		}
		return done
	})
	if after := p.settings(); after != p.before {
		p.t.Errorf("the terminal is left as %+v, was %+v", after, p.before)
	}
	if len(p.screen.odd) > 0 {
		p.t.Errorf("the terminal was sent %v", p.screen.odd)
	}
	return err
}

func TestSessionOfTheSpecificationLetterByLetter(t *testing.T) {
	s := mustStart(t, 100)
	p := sit(t, s, 80, "--chat", s.chat)
	p.sees("ID:")
	p.press("test1")
	p.sees("ID: test1")
	p.press("\r")
	p.sees("ID: test1\nPW:")
	p.press("secrex\x7ft")
	p.sees("ID: test1\nPW: ******")
	p.press("\r")
	p.sees("ID: test1\nPW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands")
	p.press("dk")
	p.sees("ID: test1\nPW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands\ndk")
	p.press("\r")
	p.sees("ID: test1\nPW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands\ntest1 : dk")
	other := s.join(t, "test3")
	p.press("half a line") // what another says does not tear it
	p.sees("ID: test1\nPW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands\ntest1 : dk\nhalf a line")
	if _, err := other.Send(context.Background(), "123123"); err != nil {
		t.Fatal(err)
	}
	p.sees("ID: test1\nPW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands\ntest1 : dk\ntest3 : 123123\nhalf a line")
	p.press("\r")
	p.sees("ID: test1\nPW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands\ntest1 : dk\ntest3 : 123123\ntest1 : half a line")
	p.press("\x04")
	if err := p.leaves(); err != nil {
		t.Fatal(err)
	}
	if p.screen.had("secre") {
		t.Error("the password was shown")
	}
}

// join lets another user into the lobby.
func (s *servers) join(t *testing.T, user string) *client.Chat {
	t.Helper()
	a, err := client.NewAuth(s.auth)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	access, err := a.Login(context.Background(), user, "secret")
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(context.Background(), client.Options{Addresses: []string{s.chat}, Token: access})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestLongAndWideLinesOnANarrowTerminal(t *testing.T) {
	s := mustStart(t, 100)
	p := sit(t, s, 20, "--chat", s.chat, "--id", "test1")
	p.press("secret\r")
	p.sees("PW: ******\nok\nconnected.\n* lobby: test1; /hel\np lists the commands")
	p.press("안녕하세요 안녕하세요 안녕하세요")
	p.sees("PW: ******\nok\nconnected.\n* lobby: test1; /hel\np lists the commands\n안녕하세요 안녕하세\n요 안녕하세요")
	if _, err := s.join(t, "test3").Send(context.Background(), "dk"); err != nil {
		t.Fatal(err)
	}
	p.sees("PW: ******\nok\nconnected.\n* lobby: test1; /hel\np lists the commands\ntest3 : dk\n안녕하세요 안녕하세\n요 안녕하세요")
	p.press("\x1b[H! \r")
	p.sees("PW: ******\nok\nconnected.\n* lobby: test1; /hel\np lists the commands\ntest3 : dk\ntest1 : ! 안녕하세요\n 안녕하세요 안녕하세\n요")
	p.press("/quit\r")
	if err := p.leaves(); err != nil {
		t.Fatal(err)
	}
}

func TestALineThatIsTooLongIsKeptForEditing(t *testing.T) {
	s := mustStart(t, 100)
	p := sit(t, s, 5000, "--chat", s.chat, "--id", "test1")
	p.press("secret\r")
	p.sees("PW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands")
	long := strings.Repeat("x", 4085)
	p.press(long + "\r")
	p.sees("PW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands\nerror: too_long: the line is 28 bytes too long: 4057 bytes of it fit\n" + long)
	p.press("\x15" + "short\r")
	p.sees("PW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands\nerror: too_long: the line is 28 bytes too long: 4057 bytes of it fit\ntest1 : short")
	p.press("/quit\r")
	if err := p.leaves(); err != nil {
		t.Fatal(err)
	}
}

// The cursor keys call lines back, Tab completes commands and names, and the client tells
// who comes and goes, and when a line was said.
func TestTheClientHelpsAPersonWhoTypes(t *testing.T) {
	s := mustStart(t, 100)
	p := sit(t, s, 80, "--chat", s.chat, "--id", "test1")
	p.press("secret\r")
	said := "PW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands"
	p.sees(said)
	p.press("/pre\ton\r")
	said += "\n* 1 in lobby: test1"
	p.sees(said)
	other := s.join(t, "test3")
	said += "\n* test3 has come"
	p.sees(said)
	p.press("hello, te\t") // test1 or test3
	p.sees(said + "\nhello, test")
	p.press("3\t!\r")
	said += "\ntest1 : hello, test3 !"
	p.sees(said)
	p.press("\x1b[A")
	p.sees(said + "\nhello, test3 !")
	p.press("\x1b[A\x1b[A\x1b[B\x1b[B") // the oldest, and back to an empty line
	p.sees(said)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	said += "\n* test3 has left"
	p.sees(said)
	p.press("/presence off\r/times on\rnow\r")
	clock := regexp.MustCompile(`^[0-2][0-9]:[0-5][0-9]:[0-6][0-9] test1 : now$`)
	testkit.Until(t, "a line with its time", func() bool {
		rest, ok := strings.CutPrefix(p.screen.text(), said+"\n")
		return ok && clock.MatchString(rest)
	})
	p.press("/times of\r")
	testkit.Until(t, "a refusal", func() bool {
		return strings.HasSuffix(p.screen.text(), "\nerror: bad_request: write /times on or /times off")
	})
	p.press("/quit\r")
	if err := p.leaves(); err != nil {
		t.Fatal(err)
	}
}

func TestInterruptLeavesTheTerminalSane(t *testing.T) {
	s := mustStart(t, 100)
	for name, keys := range map[string]string{"at ID": "te\x03", "at PW": "test1\rsec\x03", "end at ID": "\x04"} {
		t.Run(name, func(t *testing.T) {
			p := sit(t, s, 80, "--chat", s.chat)
			p.press(keys)
			if err := p.leaves(); app.ExitStatus(err) != 1 {
				t.Error(err)
			}
		})
	}
	t.Run("in the chat", func(t *testing.T) {
		p := sit(t, s, 80, "--chat", s.chat)
		p.press("test1\rsecret\r")
		p.sees("ID: test1\nPW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands")
		p.press("half\x03")
		if err := p.leaves(); err != nil {
			t.Error(err)
		}
		p.sees("ID: test1\nPW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands")
	})
	t.Run("by a signal", func(t *testing.T) {
		p := sit(t, s, 80, "--chat", s.chat)
		p.sees("ID:")
		p.stop()
		if err := p.leaves(); app.ExitStatus(err) != 1 {
			t.Error(err)
		}
	})
}

func TestWrongPasswordOnATerminalIsAskedAgain(t *testing.T) {
	s := mustStart(t, 100)
	const wrong = "PW: ******\nerror: the id or the password is wrong"
	p := sit(t, s, 80, "--chat", s.chat)
	p.press("test1\rwrong!\r")
	p.sees("ID: test1\n" + wrong + "\nID:")
	p.press("test1\rsecret\r") // typed on at once, it does not go to a shell
	p.sees("ID: test1\n" + wrong + "\nID: test1\nPW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands")
	p.press("\x04")
	if err := p.leaves(); err != nil {
		t.Fatal(err)
	}
	p = sit(t, s, 80, "--chat", s.chat, "--id", "test1")
	p.press("wrong!\rwrong!\rwrong!\r")
	p.sees(wrong + "\n" + wrong + "\n" + wrong)
	if err := p.leaves(); app.ExitStatus(err) != 1 {
		t.Fatal(err)
	}
}

func TestSignUpStatesItsRulesAndChecksEachAnswer(t *testing.T) {
	s := mustStart(t, 100)
	p := sit(t, s, 80, "signup")
	p.press("test1\r")
	p.sees(rules + "\nID: test1\nerror: the id is taken\nID:")
	p.press("k i\r")
	p.sees(rules + "\nID: test1\nerror: the id is taken\nID: k i\nerror: the id breaks its rule\nID:")
	p.press("kim\rpassword\rpassword\rnobody\rkim@example.com\r")
	p.sees(rules + "\nID: test1\nerror: the id is taken\nID: k i\nerror: the id breaks its rule\nID: kim\nPW: ********\nPW again: ********\n" +
		"EMAIL: nobody\nerror: \"nobody\" is not an address like kim@example.org\nEMAIL: kim@example.com\nsignup successful")
	if err := p.leaves(); err != nil {
		t.Fatal(err)
	}
	p = sit(t, s, 80, "signup", "--id", "lee")
	p.press("password\rpasswort\rx\rx\r") // the server's rule is told after all are answered
	p.sees(rules + "\nPW: ********\nPW again: ********\nerror: the two passwords differ\nPW: *\nPW again: *\nEMAIL:")
	p.press("lee@example.com\rpassword\rpassword\r")
	p.sees(rules + "\nPW: ********\nPW again: ********\nerror: the two passwords differ\nPW: *\nPW again: *\nEMAIL: lee@example.com\n" +
		"error: passwd has fewer than 6 characters\nPW: ********\nPW again: ********\nsignup successful")
	if err := p.leaves(); err != nil {
		t.Fatal(err)
	}
}

func TestRefusalsDoNotTearTheLine(t *testing.T) {
	s := mustStart(t, 2)
	p := sit(t, s, 80, "--chat", s.chat, "--id", "test1")
	p.press("secret\r")
	p.sees("PW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands")
	p.press("/nothing\r")
	p.sees("PW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands\nerror: bad_request: unknown command, /help lists them all; a line of text begins\n with //, not /")
	p.press("\x03")
	if err := p.leaves(); err != nil {
		t.Fatal(err)
	}
}

// TestChatServerComesBack restarts the chat server under a person's chat.
func TestChatServerComesBack(t *testing.T) {
	s := mustStart(t, 100)
	p := sit(t, s, 80, "--chat", s.chat, "--id", "test1")
	p.press("secret\rone\r")
	p.sees("PW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands\ntest1 : one")
	s.stopChat()
	p.press("two\r")
	p.sees("PW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands\ntest1 : one\nreconnecting…")
	if err := s.startChat(s.chat, 100); err != nil {
		t.Fatal(err)
	}
	p.sees("PW: ******\nok\nconnected.\n* lobby: test1; /help lists the commands\ntest1 : one\nreconnecting…\ntest1 : two")
	p.press("/quit\r")
	if err := p.leaves(); err != nil {
		t.Fatal(err)
	}
	if got := s.stored(t); len(got) != 2 {
		t.Errorf("stored: %q", got)
	}
}
