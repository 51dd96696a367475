// Package browser drives a Chromium without a window: it opens pages, asks them and makes
// pictures of them.
package browser

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"chatlab/src/errs"
)

// Browser is a Chromium without a window, told what to do through a pipe: JSON
// messages that end in 0, as its --remote-debugging-pipe has it.
type Browser struct {
	cmd     *exec.Cmd
	profile string
	in      *os.File
	answers chan message
	next    int

	mu       sync.Mutex
	unwanted []string
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// Start starts one. Fails with code usage when there is none.
func Start(ctx context.Context, program string) (*Browser, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, errs.E(errs.Usage, "no browser: %w", err).WithFix("apt-get install chromium, or --chromium PROGRAM")
	}
	b := &Browser{answers: make(chan message, 16)}
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
		b.Close()
		return nil, errs.E(errs.Failed, "%s: %w", path, err)
	}
	return b, nil
}

// pipe starts the program with the pipes that it expects as files 3 and 4.
func (b *Browser) pipe() error {
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

// read passes answers on. Of the rest it keeps what pages complain of.
func (b *Browser) read(out *os.File) {
	defer close(b.answers)
	defer func() { _ = out.Close() }()
	r := bufio.NewReader(out)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m) != nil {
			continue
		}
		if m.ID != 0 {
			b.answers <- m
		} else if slices.Contains(complaints, m.Method) {
			b.mu.Lock()
			b.unwanted = append(b.unwanted, m.Method+" "+string(m.Params))
			b.mu.Unlock()
		}
	}
}

// call makes a call, of a page when session is not "", and waits for its answer.
func (b *Browser) call(ctx context.Context, session, method string, params, result any) error {
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

// Page is a tab.
type Page struct {
	*Browser
	target, session string
}

// Open opens an empty tab of a size, in pixels.
func (b *Browser) Open(ctx context.Context, width, height int) (*Page, error) {
	var made struct{ TargetID string }
	if err := b.call(ctx, "", "Target.createTarget", map[string]any{"url": "about:blank"}, &made); err != nil {
		return nil, err
	}
	var joined struct{ SessionID string }
	if err := b.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": made.TargetID, "flatten": true}, &joined); err != nil {
		return nil, err
	}
	p := &Page{b, made.TargetID, joined.SessionID}
	for _, domain := range []string{"Runtime.enable", "Log.enable"} {
		if err := p.Call(ctx, domain, map[string]any{}, nil); err != nil {
			return nil, err
		}
	}
	return p, p.Size(ctx, width, height)
}

// Size makes the tab as large as that, in pixels.
func (p *Page) Size(ctx context.Context, width, height int) error {
	return p.Call(ctx, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
}

// complaints are the events that a page's own console shows.
var complaints = []string{"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}

// Complaints returns what the pages' consoles showed since they were opened.
func (b *Browser) Complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.unwanted)
}

// Go opens an address in the tab. It does not wait until the page is there.
func (p *Page) Go(ctx context.Context, address string) error {
	return p.Call(ctx, "Page.navigate", map[string]any{"url": address}, nil)
}

// Eval returns the text that an expression of JavaScript gives.
func (p *Page) Eval(ctx context.Context, expression string) (string, error) {
	var answer struct{ Result struct{ Value string } }
	err := p.Call(ctx, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &answer)
	return answer.Result.Value, err
}

// Call makes a call of Chromium's protocol.
func (p *Page) Call(ctx context.Context, method string, params, result any) error {
	return p.Browser.call(ctx, p.session, method, params, result)
}

// Close closes the tab.
func (p *Page) Close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_ = p.Browser.call(ctx, "", "Target.closeTarget", map[string]any{"targetId": p.target}, nil)
}

// poll is how often a page is looked at; alike is how many pictures in a row
// must be the same as the one before.
const (
	poll  = 500 * time.Millisecond
	alike = 2
)

// Still returns a picture of the page once waitsFor names nothing, and the picture no longer
// changes. Fails with code failed when ctx ends before.
func (p *Page) Still(ctx context.Context, waitsFor func(context.Context) (string, error)) ([]byte, error) {
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
		if state, err = waitsFor(ctx); err != nil {
			return nil, err
		}
		if state != "" { // a picture takes long where the machine is busy
			same = 0
			continue
		}
		now, err := p.Picture(ctx)
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

// Picture returns a PNG of the tab.
func (p *Page) Picture(ctx context.Context) ([]byte, error) {
	var shot struct{ Data string }
	if err := p.Call(ctx, "Page.captureScreenshot", map[string]any{"format": "png"}, &shot); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(shot.Data)
}

// Close ends the browser and removes what it kept.
func (b *Browser) Close() {
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
func (b *Browser) drain(ctx context.Context) {
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
