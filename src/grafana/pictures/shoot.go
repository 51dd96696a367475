package main

import (
	"context"
	"encoding/json"

	"chatlab/src/grafana/browser"
)

// shoot opens an address and returns a picture of it, once all panels are drawn
// and the picture no longer changes.
func shoot(ctx context.Context, b *browser.Browser, address string, width, height, panels int) ([]byte, error) {
	p, err := b.Open(ctx, width, height)
	if err != nil {
		return nil, err
	}
	defer p.Close(context.WithoutCancel(ctx))
	if err := p.Go(ctx, address); err != nil {
		return nil, err
	}
	return p.Still(ctx, func(ctx context.Context) (string, error) { return waitsFor(ctx, p, panels) })
}

// look counts the panels that are there, and those that still load.
const look = `JSON.stringify({
  panels: document.querySelectorAll('[data-panelid], .react-grid-item').length,
  loading: document.querySelectorAll('.panel-loading, [aria-label="Panel loading bar"], .preloader, [data-testid="Spinner"]').length,
})`

// waitsFor returns what the page waits for, "" for nothing.
func waitsFor(ctx context.Context, p *browser.Page, panels int) (string, error) {
	text, err := p.Eval(ctx, look)
	if err != nil {
		return "", err
	}
	var seen struct{ Panels, Loading int }
	if err := json.Unmarshal([]byte(text), &seen); err != nil {
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
