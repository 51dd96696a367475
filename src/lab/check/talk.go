package check

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"chatlab/src/wire"
)

// linesEach is how many lines each of the three users says.
const linesEach = 4

// talk is a conversation of the three users in one room: each said linesEach
// lines while the others did, too, and read all that came.
type talk struct {
	room  string
	said  []string          // every text, users in order
	heard [3][]wire.Message // by each user, up to the marks
	raw   [3][]string       // the same as lines
	who   [3]wire.Reply     // the answer to /who at the end
}

// text of a line: spaces, a slash, a percent sign, letters beyond ASCII and
// JSON's own marks go through the chat and the event log unchanged.
func (j *Journey) text(name string, n int) string {
	return fmt.Sprintf(`%s/%d: 100%% "안녕" \o/`, name, n)
}

// converse holds the conversation. It ends with marks, not with a pause: when
// all have spoken the first user says a last line, which every user waits for
// and then asks /who. Doubled and late lines show up before the answer.
func (j *Journey) converse(ctx context.Context) (*talk, error) {
	t := &talk{room: j.name("talk")}
	var sessions [3]*session
	for i := range sessions {
		p, err := j.member(i)
		if err != nil {
			return nil, err
		}
		s, w, err := j.enter(ctx, p, t.room, nil)
		if err != nil {
			return nil, fmt.Errorf("%s enters: %w", p.name, err)
		}
		defer s.close()
		if w.User != p.name || w.Room != t.room {
			return nil, failf(fmt.Sprintf("%s welcomed to %s", p.name, t.room), "%s", s.raw)
		}
		sessions[i] = s
		for n := range linesEach {
			t.said = append(t.said, j.text(p.name, n))
		}
	}
	return t, j.speak(ctx, t, sessions)
}

// speak lets all users speak and listen at once.
func (j *Journey) speak(ctx context.Context, t *talk, sessions [3]*session) error {
	var spoken, all errgroup.Group
	for i, s := range sessions {
		spoken.Go(func() error {
			for n := range linesEach {
				if err := s.sendLine(wire.Line{ID: fmt.Sprintf("%d-%d", i, n), Text: t.said[i*linesEach+n]}); err != nil {
					return err
				}
			}
			return nil
		})
		all.Go(func() error { return t.listen(i, s) })
	}
	all.Go(spoken.Wait)
	return all.Wait()
}

// listen reads until as many lines came as were said, then the marks.
func (t *talk) listen(i int, s *session) error {
	for len(t.heard[i]) < len(t.said) {
		if err := t.hear(i, s); err != nil {
			return failf(fmt.Sprintf("%d lines", len(t.said)), "%d, without %s: %v", len(t.heard[i]), t.missing(i), err)
		}
	}
	if i == 0 {
		if err := s.sendLine(wire.Line{ID: "end", Text: "end"}); err != nil {
			return err
		}
	}
	for t.heard[i][len(t.heard[i])-1].Text != "end" {
		if err := t.hear(i, s); err != nil {
			return fmt.Errorf("the last line did not come: %w", err)
		}
	}
	var err error
	t.who[i], err = t.answer(i, s)
	return err
}

func (t *talk) hear(i int, s *session) error {
	m, err := s.message()
	if err == nil {
		t.heard[i] = append(t.heard[i], m)
		t.raw[i] = append(t.raw[i], s.raw)
	}
	return err
}

// answer asks /who and takes down what still comes before the answer.
func (t *talk) answer(i int, s *session) (wire.Reply, error) {
	if err := s.sendLine(wire.Line{Cmd: "/who"}); err != nil {
		return wire.Reply{}, err
	}
	for {
		in, err := s.next()
		switch {
		case err != nil:
			return wire.Reply{}, fmt.Errorf("no answer to /who: %w", err)
		case in.Message != nil:
			t.heard[i] = append(t.heard[i], *in.Message)
			t.raw[i] = append(t.raw[i], s.raw)
		case in.Reply != nil:
			return *in.Reply, nil
		default:
			return wire.Reply{}, failf("an answer to /who", "%s", s.raw)
		}
	}
}

// missing returns the first text that a user did not hear.
func (t *talk) missing(i int) string {
	for _, text := range t.said {
		if t.count(i, text) == 0 {
			return text
		}
	}
	return "none"
}

// count tells how often a user heard a text.
func (t *talk) count(i int, text string) int {
	n := 0
	for _, m := range t.heard[i] {
		if m.Text == text {
			n++
		}
	}
	return n
}
