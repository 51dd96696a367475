package drill

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"chatlab/src/errs"
	"chatlab/src/files"
)

// Outcome is the result of several drills.
type Outcome struct {
	Reports []*Report `json:"drills"`
	Skipped []Skip    `json:"skipped"`
}

// Skip is a drill that a lab cannot do, and the reason.
type Skip struct {
	Drill string `json:"drill"`
	Why   string `json:"why"`
}

// Failed lists the drills whose verdict is not ok.
func (o *Outcome) Failed() (names []string) {
	for _, r := range o.Reports {
		if !r.OK {
			names = append(names, r.Drill)
		}
	}
	return names
}

// formats are the kinds of report, by the end of a file's name.
var formats = map[string]func(*Outcome) ([]byte, error){
	".json": (*Outcome).asJSON,
	".xml":  (*Outcome).asJUnit,
	".html": (*Outcome).asPage,
}

// CheckFile makes sure, before a drill, that its report can be saved. Code usage.
func CheckFile(path string) error {
	if formats[strings.ToLower(filepath.Ext(path))] == nil {
		return errs.E(errs.Usage, "--report %s is no kind of report", path).WithFix("end it with .json, .xml (JUnit) or .html")
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return errs.E(errs.Usage, "--report %s: there is no folder %s", path, filepath.Dir(path)).WithFix("mkdir -p %s", filepath.Dir(path))
	}
	return nil
}

// Save writes the report in the format that the file's name asks for. Fails with
// code failed.
func (o *Outcome) Save(path string) error {
	text, err := formats[strings.ToLower(filepath.Ext(path))](o)
	if err == nil {
		err = files.Write(path, text, 0o644)
	}
	if err != nil {
		return errs.E(errs.Failed, "cannot write the report %s: %w", path, err)
	}
	return nil
}

func (o *Outcome) asJSON() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(o)
	return out.Bytes(), err
}
