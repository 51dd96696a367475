package main

import (
	"encoding/json"
	"os"
	"strings"
	"time"

	"chatlab/src/errs"
)

// The parts of an [SPDX 2.3] document that a list of modules needs. A generator would
// bring its own time and serial number, and two releases of one commit would differ.
//
// [SPDX 2.3]: https://spdx.github.io/spdx-spec/v2.3/
type (
	spdx struct {
		Version       string         `json:"spdxVersion"`
		DataLicense   string         `json:"dataLicense"`
		ID            string         `json:"SPDXID"`
		Name          string         `json:"name"`
		Namespace     string         `json:"documentNamespace"`
		Creation      spdxCreation   `json:"creationInfo"`
		Packages      []spdxPackage  `json:"packages"`
		Relationships []spdxRelation `json:"relationships"`
	}
	spdxCreation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		Name          string    `json:"name"`
		ID            string    `json:"SPDXID"`
		Version       string    `json:"versionInfo"`
		Download      string    `json:"downloadLocation"`
		FilesAnalyzed bool      `json:"filesAnalyzed"`
		Declared      string    `json:"licenseDeclared"`
		Concluded     string    `json:"licenseConcluded"`
		Copyright     string    `json:"copyrightText"`
		Refs          []spdxRef `json:"externalRefs,omitempty"`
	}
	spdxRef struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxRelation struct {
		From string `json:"spdxElementId"`
		Type string `json:"relationshipType"`
		To   string `json:"relatedSpdxElement"`
	}
)

// noAssertion is SPDX's word for what the document does not state; the licences' texts
// are in the archives.
const noAssertion = "NOASSERTION"

// writeSBOM lists the modules of the programs.
func writeSBOM(path string, rel release, modules []module) error {
	doc := spdx{
		Version: "SPDX-2.3", DataLicense: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: "chatlab-" + rel.version,
		Namespace: "https://spdx.org/spdxdocs/chatlab-" + rel.version,
		Creation:  spdxCreation{Created: rel.time.UTC().Format(time.RFC3339), Creators: []string{"Tool: chatlab-packaging"}},
	}
	own := packageOf(module{Path: "chatlab", Version: rel.version})
	own.Declared, own.Concluded, own.Refs = "Apache-2.0", "Apache-2.0", nil
	doc.Packages = append(doc.Packages, own)
	doc.Relationships = append(doc.Relationships, spdxRelation{doc.ID, "DESCRIBES", own.ID})
	for _, m := range modules {
		p := packageOf(m)
		doc.Packages = append(doc.Packages, p)
		doc.Relationships = append(doc.Relationships, spdxRelation{own.ID, "CONTAINS", p.ID})
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(text, '\n'), 0o644)
	}
	if err != nil {
		return errs.E(errs.Failed, "list of modules: %w", err)
	}
	return nil
}

func packageOf(m module) spdxPackage {
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, m.Path)
	return spdxPackage{
		Name: m.Path, ID: "SPDXRef-" + id, Version: m.Version, Download: noAssertion, Declared: noAssertion, Concluded: noAssertion, Copyright: noAssertion,
		Refs: []spdxRef{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + m.Path + "@" + m.Version}},
	}
}
