package profile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatlab/src/errs"
)

func TestTheProjectsProfilesSayWhatTheyAreFor(t *testing.T) {
	for name, suite := range map[string]string{Default: "bookworm", "debian13": "trixie", "el7": "", "el9": ""} {
		p, err := Find("../../..", name)
		if err != nil || p.Name != name || p.System.Suite != suite || len(p.System.IDs) == 0 || p.System.Version == "" {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
}

func TestAnUnknownProfileIsAnsweredWithThoseThereAre(t *testing.T) {
	_, err := Find("../../..", "debian14")
	if !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), `unknown profile "debian14"`) || !strings.Contains(errs.FixOf(err), "debian12|debian13|el7|el9") {
		t.Errorf("%v, fix %q", err, errs.FixOf(err))
	}
}

func TestAProfileThatIsNotCompleteIsNamed(t *testing.T) {
	const good = "profile_name: mine\nprofile_family: debian\nprofile_system: {title: Mine, ids: [mine], version: \"1\", suite: sid}\n"
	dir := filepath.Join(t.TempDir(), "ansible", "profiles")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		good: "", strings.Replace(good, "mine", "other", 1): "is not complete", strings.Replace(good, ", suite: sid", "", 1): "is not complete", "{": "mine.yml",
	} {
		if err := os.WriteFile(filepath.Join(dir, "mine.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Find(filepath.Dir(filepath.Dir(dir)), "mine")
		if (err == nil) != (want == "") || err != nil && (!errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
