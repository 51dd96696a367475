package drill

import "chatlab/src/lab/report"

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
var formats = report.Formats[*Outcome]{
	".json": report.JSON[*Outcome],
	".xml":  (*Outcome).asJUnit,
	".html": (*Outcome).asPage,
}

// CheckFile makes sure, before a drill, that its report can be saved. Code usage.
func CheckFile(path string) error { return formats.Check(path) }

// Save writes the report in the format that the file's name asks for. Fails with
// code failed.
func (o *Outcome) Save(path string) error { return formats.Save(path, o) }
