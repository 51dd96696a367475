package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatlab/src/app"
	"chatlab/src/errs"
	"chatlab/src/grafana"
)

// fakeBrowser makes this test's program a browser whose page has so many panels.
const fakeBrowser = "CHATLAB_TEST_BROWSER"

func TestMain(m *testing.M) {
	if panels := os.Getenv(fakeBrowser); panels != "" {
		browse(panels)
		return
	}
	os.Exit(m.Run())
}

func browse(panels string) {
	in, out := bufio.NewReader(os.NewFile(3, "in")), os.NewFile(4, "out")
	for {
		text, err := in.ReadBytes(0)
		if err != nil {
			return
		}
		var call struct {
			ID     int
			Method string
			Params struct{ URL string }
		}
		_ = json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &call)
		fmt.Fprint(out, `{"method":"Page.told"}`+"\x00") // unasked
		switch call.Method {
		case "Target.createTarget":
			fmt.Fprintf(out, `{"id":%d,"result":{"targetId":"t"}}`+"\x00", call.ID)
		case "Runtime.evaluate":
			value, _ := json.Marshal(fmt.Sprintf(`{"panels":%s,"loading":0}`, panels))
			fmt.Fprintf(out, `{"id":%d,"result":{"result":{"value":%s}}}`+"\x00", call.ID, value)
		case "Page.captureScreenshot":
			fmt.Fprintf(out, `{"id":%d,"result":{"data":%q}}`+"\x00", call.ID, base64.StdEncoding.EncodeToString(page300()))
		case "Browser.close":
			return
		case "Page.navigate":
			if strings.Contains(call.Params.URL, "chatlab-chat") {
				fmt.Fprintf(out, `{"id":%d,"error":{"message":"no such page"}}`+"\x00", call.ID)
				continue
			}
			fallthrough
		default:
			fmt.Fprintf(out, `{"id":%d,"result":{}}`+"\x00", call.ID)
		}
	}
}

// page300 is a picture of more colours than a small one has: white, a red line,
// and 300 others.
func page300() []byte {
	img := image.NewRGBA(image.Rect(0, 0, 300, 40))
	for x := range 300 {
		for y := range 40 {
			img.Set(x, y, color.White)
		}
		img.Set(x, 10, color.RGBA{255, 0, 0, 255})
		img.Set(x, 20, color.RGBA{uint8(x / 2), uint8(x), uint8(255 - x/3), 255})
	}
	var buf bytes.Buffer
	_ = png.Encode(&buf, img)
	return buf.Bytes()
}

func TestSmallPicturesKeepWhatIsMostSeen(t *testing.T) {
	small, err := shrink(page300())
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(small))
	if err != nil {
		t.Fatal(err)
	}
	p, ok := img.(*image.Paletted)
	if !ok || len(p.Palette) > colours {
		t.Fatalf("%T", img)
	}
	for at, want := range map[image.Point]color.RGBA{{5, 5}: {255, 255, 255, 255}, {7, 10}: {255, 0, 0, 255}} {
		if got := rgb(img.At(at.X, at.Y)); got != want {
			t.Errorf("%v is %v", at, got)
		}
	}
	again, _ := shrink(page300())
	if !bytes.Equal(small, again) {
		t.Error("the same picture comes out otherwise")
	}
	if _, err := shrink([]byte("none")); err == nil {
		t.Error("what is no picture is taken")
	}
}

// served is a Grafana that lets admin in by the right password.
func served(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "admin" || password != "right" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, r.URL.Path)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func secret(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheFrontSignsIn(t *testing.T) {
	f, err := signIn(t.Context(), served(t), "admin", secret(t, "right"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.base+"/d/x", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", res, err)
	}
	_ = res.Body.Close()
}

func pictures(t *testing.T, limit time.Duration, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var out, other bytes.Buffer
	err := run(ctx, &app.Env{Name: "pictures", Args: args, Stdout: &out, Stderr: &other})
	return out.String(), err
}

func TestPicturesAreMade(t *testing.T) {
	t.Setenv(fakeBrowser, "99")
	dir := t.TempDir()
	out, err := pictures(t, time.Minute, "--grafana", served(t), "--password", secret(t, "right"), "--out", dir, "--only", "node,auth",
		"--themes", "dark", "--widths", "800", "--chromium", os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"node-dark-800.png", "auth-dark-800.png"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil || !strings.Contains(out, name) {
			t.Errorf("%v, said %q", err, out)
		}
	}
}

func TestEachFaultOfPicturesIsNamed(t *testing.T) {
	grafana := served(t)
	for _, c := range []struct {
		panels, want string
		args         []string
	}{
		{"99", "arguments cannot be used", nil},
		{"99", "no dashboard nonsense", []string{"--grafana", grafana, "--password", secret(t, "right"), "--only", "nonsense"}},
		{"99", `"wide" is no width`, []string{"--grafana", grafana, "--password", secret(t, "right"), "--widths", "wide"}},
		{"99", "does not let admin in: 401", []string{"--grafana", grafana, "--password", secret(t, "wrong")}},
		{"99", "Grafana", []string{"--grafana", "http://127.0.0.1:1", "--password", secret(t, "right")}},
		{"99", "is no address", []string{"--grafana", "nowhere", "--password", secret(t, "right")}},
		{"99", "Grafana's password", []string{"--grafana", grafana, "--password", "/none"}},
		{"99", "no browser", []string{"--grafana", grafana, "--password", secret(t, "right"), "--chromium", "/none"}},
		{"99", "the browser refuses Page.navigate: no such page", []string{"--grafana", grafana, "--password", secret(t, "right"), "--only", "chat", "--chromium", os.Args[0]}},
		{"1", "panels are missing", []string{"--grafana", grafana, "--password", secret(t, "right"), "--only", "auth", "--chromium", os.Args[0]}},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Setenv(fakeBrowser, c.panels)
			out, err := pictures(t, 4*time.Second, append(c.args, "--out", t.TempDir())...)
			if c.args == nil {
				out, err = pictures(t, time.Second)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || errs.CodeOf(err) == errs.Internal {
				t.Errorf("%v, said %q", err, out)
			}
		})
	}
}

func TestThePictureHoldsTheWholeDashboard(t *testing.T) {
	for _, d := range grafana.Dashboards() {
		for _, p := range d.Panels {
			if (p.GridPos.Y+p.GridPos.H)*(rowHeight+rowGap) > height(d)-head {
				t.Errorf("%s: %s is cut", d.Name(), p.Title)
			}
		}
	}
}
