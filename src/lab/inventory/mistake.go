package inventory

import (
	"fmt"

	"chatlab/src/errs"
)

// Mistake is one fault of an inventory.
type Mistake struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"` // 0 where Ansible gave no line
	What string `json:"what"`
	Fix  string `json:"fix"`
}

// Where returns FILE:LINE, or the file alone.
func (m Mistake) Where() string {
	if m.Line == 0 {
		return m.File
	}
	return fmt.Sprintf("%s:%d", m.File, m.Line)
}

// String returns the mistake as one line: where, what, and the fix.
func (m Mistake) String() string { return m.Where() + ": " + m.What + ": " + m.Fix }

// firstError returns the first mistake as an error that says how many more there are, and
// nil where there is none. Code usage.
func firstError(mistakes []Mistake) error {
	if len(mistakes) == 0 {
		return nil
	}
	first := mistakes[0]
	where := first.File
	if first.Line > 0 {
		where = fmt.Sprintf("%s, line %d", first.File, first.Line)
	}
	err := errs.E(errs.Usage, "inventory %s: %s", where, first.What)
	if more := len(mistakes) - 1; more > 0 {
		return err.WithFix("%s; `lab inventory check` shows %d more", first.Fix, more)
	}
	return err.WithFix("%s", first.Fix)
}
