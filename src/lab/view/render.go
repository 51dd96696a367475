package view

import (
	"embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"chatlab/src/lab"
)

//go:embed page
var files embed.FS

// states are those that the key explains.
var states = []lab.State{lab.Ready, lab.Starting, lab.NotReady, lab.Failing, lab.Frozen, lab.Down}

var pages = template.Must(template.New("view").Funcs(template.FuncMap{
	"class": class, "clock": clock, "states": func() []lab.State { return states },
}).ParseFS(files, "page/page.html"))

// clock is the time of day of an event, whose time is text.
func clock(text string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return t.Local().Format(time.TimeOnly)
}

// Parts are the pieces of a page that change, as HTML, by the ids of their elements.
type Parts map[string]template.HTML

// parts renders what a page shows of one lab.
func parts(look Look) (Parts, error) {
	out := Parts{}
	var maps []Map
	if look.Lab != nil {
		for _, s := range shapes {
			maps = append(maps, draw(look, s))
		}
	}
	type events struct {
		List []Event
		Err  string
	}
	shown := events{List: look.Events}
	if look.EventErr != nil {
		shown.Err = "The event log cannot be read: " + look.EventErr.Error()
	}
	all := flows(look)
	for name, data := range map[string]any{
		"summary": headline(look), "map": maps, "curves": look.history.curves(look.Notes), "events": shown,
		"notes": look.Notes, "services": look.Services, "flows": said(all),
	} {
		var err error
		if out[name], err = render(name, data); err != nil {
			return nil, err
		}
	}
	out["since"] = template.HTML(look.Began.Local().Format(time.TimeOnly)) //nolint:gosec // digits and colons
	return out, nil
}

type headlineData struct {
	Well        bool
	Text, Drill string
}

func headline(look Look) headlineData { return headlineData{well(look), summary(look), look.Drill} }

// card is a lab in the list of all.
type card struct {
	headlineData
	Name, Path, State, Summary, Rates string
}

func newCard(s Source, path string, look Look) card {
	return card{
		headlineData: headline(look), Name: s.Name, Path: path, State: s.State, Summary: summary(look),
		Rates: fmt.Sprintf("%.0f in the chat, %s lines, %s sign-ins", look.Now.Sessions, perSecond(look.Now.Lines), perSecond(look.Now.SignIns)),
	}
}

func render(name string, data any) (template.HTML, error) {
	var out strings.Builder
	if err := pages.ExecuteTemplate(&out, name, data); err != nil {
		return "", fmt.Errorf("page: %w", err)
	}
	return template.HTML(out.String()), nil //nolint:gosec // the template has escaped it
}

// changed returns the parts that differ.
func changed(before, now Parts) Parts {
	out := Parts{}
	for id, text := range now {
		if before[id] != text {
			out[id] = text
		}
	}
	return out
}
