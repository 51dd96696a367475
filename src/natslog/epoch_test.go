package natslog_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chatlab/src/natslog"
	"chatlab/src/testkit"
)

// place is how far a reader of a log has come.
type place struct {
	epoch string
	lines []string // that it has
}

func placeOf(t *testing.T, log *natslog.Log) place {
	t.Helper()
	lines, err := log.Read(t.Context(), "lobby", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return place{log.Epoch(), texts(lines)}
}

// goOn reads on in a log. lost is true when the log does not know the epoch, and the
// reader begins anew.
func (p place) goOn(t *testing.T, log *natslog.Log) (lines []string, lost bool) {
	t.Helper()
	after, known, err := log.After(t.Context(), p.epoch, uint64(len(p.lines)))
	if err != nil {
		t.Fatal(err)
	}
	if !known {
		after = 0
	}
	read, err := log.Read(t.Context(), "lobby", after, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return texts(read), !known
}

// said returns the texts of lines.
func said(from, to int) []string {
	out := []string{}
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprint("line ", i))
	}
	return out
}

// copyDir copies a log's folder. JetStream may change it meanwhile, also after it has
// stopped.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	testkit.Until(t, "the folder is copied", func() bool {
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		err := os.CopyFS(to, os.DirFS(from))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return err == nil
	})
}

// TestAReaderGoesOnAfterALossOfLines: the reader sees lines 0 to 29. The log then loses
// lines as each case says, and stores lines 30 to 69. The reader may miss lost lines, but
// none that is stored afterwards.
func TestAReaderGoesOnAfterALossOfLines(t *testing.T) {
	stopped := func(_ *testing.T, log *natslog.Log, _, _ string) { log.Close() }
	old := func(t *testing.T, log *natslog.Log, dir, copied string) {
		log.Close()
		if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(copied))); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		comesBack func(t *testing.T, log *natslog.Log, dir, copied string)
		restarts  int  // before the reader comes
		more      int  // lines of each run
		lost      bool // the reader begins anew
		want      []string
	}{
		"after a stop": {stopped, 1, 40, false, said(30, 70)},
		"after kill -9": {func(t *testing.T, log *natslog.Log, dir, copied string) {
			copyDir(t, dir, copied) // as a killed process leaves it
			old(t, log, dir, copied)
		}, 1, 40, false, said(30, 70)},
		"with an empty folder": {func(t *testing.T, log *natslog.Log, dir, _ string) {
			log.Close()
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}, 1, 40, true, said(30, 70)},
		"with an older copy":                        {old, 1, 40, false, said(30, 70)},
		"with an older copy, and after two stops":   {old, 2, 20, false, said(30, 70)},
		"with an older copy that has fewer lines":   {old, 1, 5, false, said(30, 35)},
		"with a damaged end, and after three stops": {damagedEnd, 3, 20, false, said(30, 90)},
	} {
		t.Run(name, func(t *testing.T) {
			dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
			log := open(t, dir, nil)
			say(t, log, 0, 10)
			copyDir(t, dir, copied)
			say(t, log, 10, 30)
			reader := placeOf(t, log)
			tt.comesBack(t, log, dir, copied)
			next := 30
			for range tt.restarts {
				log.Close()
				log = open(t, dir, nil)
				say(t, log, next, next+tt.more)
				next += tt.more
			}
			got, lost := reader.goOn(t, log)
			if !slices.Equal(got, tt.want) || lost != tt.lost {
				t.Errorf("history lost %t, lines %q, want %t, %q", lost, got, tt.lost, tt.want)
			}
		})
	}
}

// damagedEnd cuts the last lines off.
func damagedEnd(t *testing.T, log *natslog.Log, dir, _ string) {
	log.Close()
	spoil(t, dir, lines, half)
}

// TestAReaderOfAnEpochThatTheLogLacksBeginsAnew: the older copy was made before a stop,
// after which the reader's epoch began.
func TestAReaderOfAnEpochThatTheLogLacksBeginsAnew(t *testing.T) {
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	log := open(t, dir, nil)
	say(t, log, 0, 10)
	log.Close()
	copyDir(t, dir, copied)
	log = open(t, dir, nil)
	say(t, log, 10, 20)
	reader := placeOf(t, log)
	log.Close()
	if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(copied))); err != nil {
		t.Fatal(err)
	}
	log = open(t, dir, nil)
	say(t, log, 20, 40)
	got, lost := reader.goOn(t, log)
	if want := append(said(0, 10), said(20, 40)...); !lost || !slices.Equal(got, want) {
		t.Errorf("history lost %t, lines %q, want %q", lost, got, want)
	}
}

// flipInList changes one letter of the list of epochs.
func flipInList(path string, _ int64) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	at := bytes.LastIndex(text, []byte(`[{"id":"`))
	if at < 0 {
		return errors.New("there is no list")
	}
	text[at+9] ^= 1
	return os.WriteFile(path, text, 0o600)
}

func TestALogWithADamagedListOfEpochsBeginsAnotherList(t *testing.T) {
	bucket := func(path string) bool {
		return strings.Contains(path, "/streams/KV_chatlog/msgs/") && strings.HasSuffix(path, ".blk")
	}
	for name, damage := range map[string]func(t *testing.T, dir string, log *natslog.Log){
		"one flipped bit": func(t *testing.T, dir string, log *natslog.Log) { log.Close(); spoil(t, dir, bucket, flipInList) },
		"garbage":         func(t *testing.T, dir string, log *natslog.Log) { log.Close(); spoil(t, dir, bucket, garbage) },
		"not a list": func(t *testing.T, _ string, log *natslog.Log) {
			if err := log.PutEpochs(t.Context(), "[{"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			log := open(t, dir, nil)
			log.Close()
			log = open(t, dir, nil)
			say(t, log, 0, 10)
			reader := placeOf(t, log)
			damage(t, dir, log)
			log.Close()
			var out testkit.Buffer
			log = open(t, dir, func(o *natslog.Options) { o.Logger = slog.New(slog.NewTextHandler(&out, nil)) })
			say(t, log, 10, 20)
			if got, lost := reader.goOn(t, log); !lost || !slices.Equal(got, said(0, 20)) {
				t.Errorf("history lost %t, lines %q", lost, got)
			}
			if text := out.String(); !strings.Contains(text, "read their rooms from the beginning") || (name != "garbage" && !strings.Contains(text, "level=ERROR")) {
				t.Errorf("the log says %q", text)
			}
			reader = placeOf(t, log)
			log.Close()
			log = open(t, dir, nil)
			say(t, log, 20, 30)
			if got, lost := reader.goOn(t, log); lost || !slices.Equal(got, said(20, 30)) {
				t.Errorf("after another start: history lost %t, lines %q", lost, got)
			}
		})
	}
}

// agree waits until all members that run have one epoch, and returns it.
func (r *ring) agree() string {
	r.t.Helper()
	r.ready()
	epoch := r.up()[0].Epoch()
	for _, log := range r.up() {
		if got := log.Epoch(); got != epoch || got == "" {
			r.t.Errorf("the members' epochs are %q and %q", epoch, got)
		}
	}
	return epoch
}

func TestMembersAgreeOnTheEpochForAsLongAsTheyHaveTheirLines(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	for i := range 10 {
		persist(t, r.logs[i%3], line(i))
	}
	first := r.agree()
	r.logs[r.leader()].HandOver()
	empty := (r.leader() + 1) % 3
	r.stop(empty)
	if err := os.RemoveAll(r.options(empty).Dir); err != nil {
		t.Fatal(err)
	}
	r.start(empty)
	if got := r.agree(); got != first {
		t.Errorf("after a hand-over, and with a member of no files, epoch %q began", got)
	}
	restart := func(between func(i int)) {
		for i := range r.logs {
			r.stop(i)
			between(i)
		}
		for i := range r.logs {
			r.start(i)
		}
	}
	restart(func(int) {})
	if got := r.agree(); got != first {
		t.Errorf("after a restart of all epoch %q began", got)
	}
	for i, log := range r.logs {
		if after, known, err := log.After(t.Context(), first, 7); after != 7 || !known || err != nil {
			t.Errorf("member %d: after %d, known %t, %v", i, after, known, err)
		}
		if _, known, err := log.After(t.Context(), "other", 7); known || err != nil {
			t.Errorf("member %d: it knows another epoch, or %v", i, err)
		}
	}
	restart(func(i int) {
		if err := os.RemoveAll(r.options(i).Dir); err != nil {
			t.Fatal(err)
		}
	})
	if r.agree() == first {
		t.Error("a cluster that has lost all its lines is in the same epoch")
	}
}

// TestMembersAgreeWhereALogOfOneServerEnded starts a cluster whose bucket has the list
// of one server's log.
func TestMembersAgreeWhereALogOfOneServerEnded(t *testing.T) {
	t.Parallel()
	r := newRing(t, 3)
	for i := range 10 {
		persist(t, r.logs[i%3], line(i))
	}
	if err := r.logs[0].PutEpochs(t.Context(), `[{"id":"A","first":1},{"id":"B","first":6}]`); err != nil {
		t.Fatal(err)
	}
	for i := range r.logs {
		r.stop(i)
	}
	for i := range r.logs {
		r.start(i)
	}
	r.agree()
	persist(t, r.logs[0], line(10))
	for i, log := range r.logs {
		for epoch, want := range map[string]uint64{"A": 5, "B": 10, log.Epoch(): 11} {
			if after, known, err := log.After(t.Context(), epoch, 11); after != want || !known || err != nil {
				t.Errorf("member %d, epoch %s: after %d, known %t, %v; want %d", i, epoch, after, known, err, want)
			}
		}
	}
}

// TestAnOlderListOfEpochsIsNotBelieved: a damaged block of the bucket may bring it back.
// A reader of an epoch that ended early would skip the lines of the next one.
func TestAnOlderListOfEpochsIsNotBelieved(t *testing.T) {
	dir := t.TempDir()
	log := open(t, dir, nil)
	say(t, log, 0, 10)
	first := log.Epoch()
	log.Close()
	log = open(t, dir, nil)
	say(t, log, 10, 20)
	if err := log.PutEpochs(t.Context(), fmt.Sprintf(`[{"id":%q,"first":1}]`, first)); err != nil {
		t.Fatal(err)
	}
	log.Close()
	log = open(t, dir, nil)
	if after, known, err := log.After(t.Context(), first, 15); known || err != nil {
		t.Errorf("a reader of the first epoch goes on after %d, %v", after, err)
	}
	if _, known, err := log.After(t.Context(), log.Epoch(), 15); !known || err != nil {
		t.Errorf("a reader of the present epoch begins anew, %v", err)
	}
}
