package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"time"

	"chatlab/src/errs"
)

// browser is a Chromium without a window, told what to do through a pipe: JSON
// messages that end in 0, as its --remote-debugging-pipe has it.
type browser struct {
	cmd     *exec.Cmd
	profile string
	in      *os.File
	answers chan message
	next    int
}

type message struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// start starts one. Fails with code usage when there is none.
func start(ctx context.Context, program string) (*browser, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, errs.E(errs.Usage, "no browser: %w", err).WithFix("apt-get install chromium, or --chromium PROGRAM")
	}
	b := &browser{answers: make(chan message, 16)}
	if b.profile, err = os.MkdirTemp("", "chatlab-pictures-"); err != nil {
		return nil, errs.E(errs.Failed, "pictures: %w", err)
	}
	args := []string{"--headless=new", "--remote-debugging-pipe", "--user-data-dir=" + b.profile, "--no-first-run", "--disable-gpu",
		"--disable-dev-shm-usage", "--hide-scrollbars", "--disable-background-networking", "--disable-component-update", "about:blank"}
	if os.Geteuid() == 0 {
		args = append([]string{"--no-sandbox"}, args...) // Chromium has no sandbox for root
	}
	b.cmd = exec.CommandContext(ctx, path, args...)
	if err := b.pipe(); err != nil {
		b.close()
		return nil, errs.E(errs.Failed, "%s: %w", path, err)
	}
	return b, nil
}

// pipe starts the program with the pipes that it expects as files 3 and 4.
func (b *browser) pipe() error {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return errors.Join(err, theirIn.Close(), in.Close())
	}
	b.in = in
	b.cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	err = errors.Join(b.cmd.Start(), theirIn.Close(), theirOut.Close())
	if err != nil {
		return errors.Join(err, out.Close())
	}
	go b.read(out)
	return nil
}

// read passes answers on, and leaves out what the browser tells unasked.
func (b *browser) read(out *os.File) {
	defer close(b.answers)
	defer func() { _ = out.Close() }()
	r := bufio.NewReader(out)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m) == nil && m.ID != 0 {
			b.answers <- m
		}
	}
}

// call makes a call, of a page when session is not "", and waits for its answer.
func (b *browser) call(ctx context.Context, session, method string, params, result any) error {
	b.next++
	request := map[string]any{"id": b.next, "method": method, "params": params}
	if session != "" {
		request["sessionId"] = session
	}
	text, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		return errs.Wrap(err, errs.Unavailable, "the browser")
	}
	for {
		select {
		case m, ok := <-b.answers:
			switch {
			case !ok:
				return errs.E(errs.Unavailable, "the browser ended at %s", method)
			case m.ID != b.next: // of a call that was given up
			case m.Error != nil:
				return errs.E(errs.Failed, "the browser refuses %s: %s", method, m.Error.Message)
			case result == nil:
				return nil
			default:
				return json.Unmarshal(m.Result, result)
			}
		case <-ctx.Done():
			return errs.Wrap(ctx.Err(), errs.Unavailable, "the browser at %s", method)
		}
	}
}

// shoot opens an address and returns a picture of it, once all panels are drawn
// and the picture no longer changes.
func (b *browser) shoot(ctx context.Context, address string, width, height, panels int) ([]byte, error) {
	p, err := b.open(ctx, width, height)
	if err != nil {
		return nil, err
	}
	defer p.close(context.WithoutCancel(ctx))
	if err := p.call(ctx, "Page.navigate", map[string]any{"url": address}, nil); err != nil {
		return nil, err
	}
	return p.still(ctx, panels)
}

// page is a tab.
type page struct {
	*browser
	target, session string
}

func (b *browser) open(ctx context.Context, width, height int) (*page, error) {
	var made struct{ TargetID string }
	if err := b.call(ctx, "", "Target.createTarget", map[string]any{"url": "about:blank"}, &made); err != nil {
		return nil, err
	}
	var joined struct{ SessionID string }
	if err := b.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": made.TargetID, "flatten": true}, &joined); err != nil {
		return nil, err
	}
	p := &page{b, made.TargetID, joined.SessionID}
	return p, p.call(ctx, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
}

func (p *page) call(ctx context.Context, method string, params, result any) error {
	return p.browser.call(ctx, p.session, method, params, result)
}

func (p *page) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_ = p.browser.call(ctx, "", "Target.closeTarget", map[string]any{"targetId": p.target}, nil)
}

// poll is how often a page is looked at; alike is how many pictures in a row
// must be the same as the one before.
const (
	poll  = 500 * time.Millisecond
	alike = 2
)

// still waits until the page is drawn.
func (p *page) still(ctx context.Context, panels int) ([]byte, error) {
	again := time.NewTicker(poll)
	defer again.Stop()
	var last []byte
	same, state := 0, ""
	for same < alike {
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, errs.E(errs.Failed, "the page is not drawn: %s", state).WithFix("open it in a browser")
		}
		var err error
		if state, err = p.waitsFor(ctx, panels); err != nil {
			return nil, err
		}
		if state != "" { // a picture takes long where the machine is busy
			same = 0
			continue
		}
		now, err := p.picture(ctx)
		if err != nil {
			return nil, err
		}
		same++
		if !bytes.Equal(now, last) {
			same = 0
		}
		last = now
	}
	return last, nil
}

func (p *page) picture(ctx context.Context) ([]byte, error) {
	var shot struct{ Data string }
	if err := p.call(ctx, "Page.captureScreenshot", map[string]any{"format": "png"}, &shot); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(shot.Data)
}

// look counts the panels that are there, and those that still load.
const look = `JSON.stringify({
  panels: document.querySelectorAll('[data-panelid], .react-grid-item').length,
  loading: document.querySelectorAll('.panel-loading, [aria-label="Panel loading bar"], .preloader, [data-testid="Spinner"]').length,
})`

// waitsFor returns what the page waits for, "" for nothing.
func (p *page) waitsFor(ctx context.Context, panels int) (string, error) {
	var answer struct{ Result struct{ Value string } }
	if err := p.call(ctx, "Runtime.evaluate", map[string]any{"expression": look, "returnByValue": true}, &answer); err != nil {
		return "", err
	}
	var seen struct{ Panels, Loading int }
	if err := json.Unmarshal([]byte(answer.Result.Value), &seen); err != nil {
		return "nothing to look at", nil //nolint:nilerr // the page is being changed
	}
	switch {
	case seen.Panels < panels:
		return "panels are missing", nil
	case seen.Loading > 0:
		return "panels load", nil
	}
	return "", nil
}

// close ends the browser and removes what it kept.
func (b *browser) close() {
	if b.cmd.Process != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = b.call(ctx, "", "Browser.close", map[string]any{}, nil)
		b.drain(ctx)
		_ = b.cmd.Cancel()
		_ = b.cmd.Wait()
		_ = b.in.Close()
	}
	_ = os.RemoveAll(b.profile)
}

// drain waits until all of the browser's processes have ended.
func (b *browser) drain(ctx context.Context) {
	for {
		select {
		case _, ok := <-b.answers:
			if !ok {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
