package natslog

import (
	"slices"
	"strings"
	"testing"

	"chatlab/src/wire"
)

func run(from, to uint64, text string) (lines []wire.Message) {
	for seq := from; seq <= to; seq++ {
		lines = append(lines, wire.Message{Seq: seq, Text: text})
	}
	return lines
}

func seqs(lines []wire.Message) (out []uint64) {
	for _, m := range lines {
		out = append(out, m.Seq)
	}
	return out
}

func TestRecentGivesWhatItReaches(t *testing.T) {
	var r recent
	if _, known, _ := r.after(0, 10); known {
		t.Error("an empty window knows lines")
	}
	r.add(run(5, 7, "a"))
	r.add(run(8, 9, "b"))
	for _, c := range []struct {
		after uint64
		n     int
		want  []uint64
		known bool
	}{
		{3, 10, nil, false},
		{4, 10, []uint64{5, 6, 7, 8, 9}, true},
		{6, 2, []uint64{7, 8}, true},
		{9, 10, nil, true},
		{20, 10, nil, true},
	} {
		lines, known, _ := r.after(c.after, c.n)
		if got := seqs(lines); known != c.known || !slices.Equal(got, c.want) {
			t.Errorf("after %d: %v, %v; want %v, %v", c.after, got, known, c.want, c.known)
		}
	}
}

func TestRecentBeginsAnewAfterAGap(t *testing.T) {
	var r recent
	r.add(run(1, 3, "a"))
	r.add(run(7, 8, "a"))
	if _, known, _ := r.after(3, 10); known {
		t.Error("lines 4 to 6 pass as known")
	}
	if lines, known, _ := r.after(6, 10); !known || !slices.Equal(seqs(lines), []uint64{7, 8}) {
		t.Errorf("after 6: %v, %v", seqs(lines), known)
	}
}

func TestRecentForgetsAndLeavesWhatItGave(t *testing.T) {
	var r recent
	text := strings.Repeat("x", recentBytes/8-lineBytes)
	r.add(run(1, 16, text))
	given, _, grown := r.after(0, 16)
	r.add(run(17, 17, text))
	select {
	case <-grown:
	default:
		t.Error("nobody was told that a line came")
	}
	if !slices.Equal(seqs(given), seqs(run(1, 16, ""))) {
		t.Errorf("what was given is now %v", seqs(given))
	}
	if _, known, _ := r.after(0, 1); known {
		t.Error("nothing was forgotten")
	}
	if lines, known, _ := r.after(9, 16); !known || len(lines) != 8 {
		t.Errorf("of the last 8 lines %d are there, %v", len(lines), known)
	}
}

func TestRecentIsBoundedForShortLinesToo(t *testing.T) {
	var r recent
	for seq := uint64(1); seq < 100_000; seq += 100 {
		r.add(run(seq, seq+99, "x"))
	}
	if n := len(r.lines); n > 2*recentBytes/lineBytes {
		t.Errorf("it holds %d lines", n)
	}
}
