package nspawn

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strconv"
)

// names are what one lab is called on the host.
type names struct{ id string }

// namesOf derives the names from a state folder's absolute path.
func namesOf(state string) names {
	sum := sha256.Sum256([]byte(filepath.Clean(state)))
	return names{hex.EncodeToString(sum[:3])}
}

// links is the beginning of every interface of the lab; the kernel takes 15
// bytes for a whole name.
func (n names) links() string { return "cl" + n.id }

func (n names) publicBridge() string  { return n.links() + "pub" }
func (n names) privateBridge() string { return n.links() + "prv" }
func (n names) natBridge() string     { return n.links() + "nat" }

// Host sides of the interfaces of the machine with an index.
func (n names) publicLink(i int) string  { return n.links() + "p" + strconv.Itoa(i) }
func (n names) privateLink(i int) string { return n.links() + "v" + strconv.Itoa(i) }
func (n names) natLink(i int) string     { return n.links() + "n" + strconv.Itoa(i) }

// Names of the interfaces inside a machine.
const (
	insidePublic  = "public0"
	insidePrivate = "private0"
	insideNAT     = "nat0"
)

// table is the lab's nftables table, of each family; tables is the beginning
// of every lab's.
func (n names) table() string { return tables + n.id }

const tables = "chatlab_"

// loss is the table that drops packets of one machine.
func (n names) loss(i int) string { return n.table() + "_loss" + strconv.Itoa(i) }

// machines is the beginning of every machine's name.
func (n names) machines() string { return "chatlab-" + n.id + "-" }

// machine is the name of a node's machine, network namespace and control group.
func (n names) machine(node string) string { return n.machines() + node }
