package class_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatlab/src/errs"
	"chatlab/src/lab/class"
)

func list(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "class.csv")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAListIsReadAsSpreadsheetsWriteIt(t *testing.T) {
	path := list(t, "\xef\xbb\xbfid,passwd,email\r\n# the first row\r\nkim,\"correct, horse\",kim@example.org\r\n\r\nlee, ,\r\nann\r\n")
	users, err := class.Read(path)
	if err != nil || len(users) != 3 || users[0].Passwd != "correct, horse" || users[1].ID != "lee" || users[2].Line != 6 {
		t.Fatalf("%+v, %v", users, err)
	}
	if err := class.Complete(path, users); err != nil {
		t.Fatal(err)
	}
	again, err := class.Read(path)
	if err != nil || len(again) != 3 {
		t.Fatalf("%+v, %v", again, err)
	}
	for i, u := range again {
		if len(u.Passwd) < 12 || u.Email == "" || u.Passwd != users[i].Passwd {
			t.Errorf("%+v, was %+v", u, users[i])
		}
	}
	if again[1].Passwd == again[2].Passwd {
		t.Error("two users have one password")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestAListThatIsWholeStaysAsItIs(t *testing.T) {
	const text = "kim,correct horse,kim@example.org\n# mine\n"
	path := list(t, text)
	users, err := class.Read(path)
	if err == nil {
		err = class.Complete(path, users)
	}
	if got, _ := os.ReadFile(path); err != nil || string(got) != text {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAWrongListIsRefusedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "names no user",
		"id,passwd,email\n":         "names no user",
		"kim\nlee\nKIM\n":           "line 3: KIM stands there already",
		"kim,p,e,more\n":            "line 1: 4 fields, want 3",
		"kim\n,secret,x@y.z\n":      "line 2: the id is empty",
		"kim,\"half\nlee,x,y@z.org": "line",
	} {
		if _, err := class.Read(list(t, text)); !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := class.Read(filepath.Join(t.TempDir(), "none.csv")); !errs.Is(err, errs.Usage) {
		t.Errorf("no file: %v", err)
	}
}
