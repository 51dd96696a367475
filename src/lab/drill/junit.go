package drill

import (
	"bytes"
	"encoding/xml"
	"strings"
	"time"
)

// The elements of JUnit's XML, as CI systems read it.
type junitSuites struct {
	XMLName  xml.Name   `xml:"testsuites"`
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Skipped  int        `xml:"skipped,attr"`
	Time     float64    `xml:"time,attr"`
	Suite    junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     float64     `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string       `xml:"classname,attr"`
	Name    string       `xml:"name,attr"`
	Time    float64      `xml:"time,attr"`
	Failure *junitReason `xml:"failure"`
	Skipped *junitReason `xml:"skipped"`
	Out     string       `xml:"system-out,omitempty"`
}

type junitReason struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

const junitName = "lab drill"

// asJUnit makes a test case of each drill.
func (o *Outcome) asJUnit() ([]byte, error) {
	suite := junitSuite{
		Name: junitName, Tests: len(o.Reports) + len(o.Skipped), Failures: len(o.Failed()), Skipped: len(o.Skipped),
	}
	for _, r := range o.Reports {
		var text bytes.Buffer
		r.Print(&text, nil)
		c := junitCase{Class: junitName, Name: r.Drill, Time: time.Duration(r.Took).Seconds(), Out: text.String()}
		if !r.OK {
			c.Failure = &junitReason{Message: r.Verdict, Text: strings.Join(r.reasons(), "\n")}
		}
		suite.Time += c.Time
		suite.Cases = append(suite.Cases, c)
	}
	for _, s := range o.Skipped {
		suite.Cases = append(suite.Cases, junitCase{Class: junitName, Name: s.Drill, Skipped: &junitReason{Message: s.Why}})
	}
	text, err := xml.MarshalIndent(junitSuites{
		Name: suite.Name, Tests: suite.Tests, Failures: suite.Failures, Skipped: suite.Skipped, Time: suite.Time, Suite: suite,
	}, "", "  ")
	return append([]byte(xml.Header), append(text, '\n')...), err
}
