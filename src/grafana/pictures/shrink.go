package main

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"slices"

	"chatlab/src/errs"
)

// colours is how many a small picture has.
const colours = 256

// shrink makes a PNG of few colours of one of many: those that are most often
// seen. A page has few that matter, and thin lines of them.
func shrink(many []byte) ([]byte, error) {
	img, err := png.Decode(bytes.NewReader(many))
	if err != nil {
		return nil, errs.E(errs.Failed, "the browser's picture: %w", err)
	}
	small := image.NewPaletted(img.Bounds(), palette(img))
	nearest := nearestIn(small.Palette)
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			small.SetColorIndex(x, y, nearest(rgb(img.At(x, y))))
		}
	}
	var buf bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(&buf, small); err != nil {
		return nil, errs.E(errs.Failed, "picture: %w", err)
	}
	return buf.Bytes(), nil
}

func rgb(c color.Color) color.RGBA {
	out, _ := color.RGBAModel.Convert(c).(color.RGBA)
	return out
}

// palette chooses the colours: of those that differ little only the most seen.
func palette(img image.Image) color.Palette {
	all := image.NewRGBA(img.Bounds())
	draw.Draw(all, all.Bounds(), img, img.Bounds().Min, draw.Src)
	seen := map[color.RGBA]int{}
	for i := 0; i < len(all.Pix); i += 4 {
		seen[color.RGBA{all.Pix[i], all.Pix[i+1], all.Pix[i+2], all.Pix[i+3]}]++
	}
	cells := map[color.RGBA]color.RGBA{} // a cell of near colours → its most seen
	sums := map[color.RGBA]int{}
	for c, n := range seen {
		cell := color.RGBA{c.R &^ 7, c.G &^ 7, c.B &^ 7, 255}
		sums[cell] += n
		if best, ok := cells[cell]; !ok || n > seen[best] || n == seen[best] && before(c, best) < 0 {
			cells[cell] = c
		}
	}
	order := make([]color.RGBA, 0, len(sums))
	for cell := range sums {
		order = append(order, cell)
	}
	slices.SortFunc(order, func(a, b color.RGBA) int { return cmp.Or(sums[b]-sums[a], before(a, b)) })
	var out color.Palette
	for _, cell := range order[:min(len(order), colours)] {
		out = append(out, cells[cell])
	}
	return out
}

// before puts colours in an order, so that a picture is made the same each time.
func before(a, b color.RGBA) int {
	return cmp.Or(int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B))
}

// nearestIn returns what finds a colour's nearest, each only once.
func nearestIn(p color.Palette) func(color.RGBA) uint8 {
	known := map[color.RGBA]uint8{}
	return func(c color.RGBA) uint8 {
		n, ok := known[c]
		if !ok {
			n = uint8(p.Index(c)) //nolint:gosec // a palette has 256 at most
			known[c] = n
		}
		return n
	}
}
