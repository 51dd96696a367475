package inventory_test

import (
	"strings"
	"testing"

	"chatlab/src/errs"
	"chatlab/src/lab/inventory"
)

func TestAnInstanceHasAddressesOfItsOwn(t *testing.T) {
	for _, name := range []string{"local", "local-ha"} {
		inv, err := inventory.Load("../../../ansible/inventories/" + name)
		if err != nil {
			t.Fatal(err)
		}
		moved, err := inv.OfInstance(7)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range moved.Nodes {
			for was, is := range map[string]string{
				inv.Nodes[i].Public.String(): n.Public.String(), inv.Nodes[i].Private.String(): n.Private.String(),
			} {
				if want := strings.Replace(was, "127.0.", "127.7.", 1); is != want {
					t.Errorf("%s of %s is %s, want %s", was, n.Name, is, want)
				}
			}
		}
		for _, a := range append(moved.Addresses(inventory.Chatd), append(moved.OpsAddresses(inventory.Authd), moved.PeerAddresses(inventory.Chatd)...)...) {
			if !strings.HasPrefix(a, "127.7.") {
				t.Errorf("%s stayed where it was", a)
			}
		}
		if inv.Nodes[0].Public.As4()[1] != 0 {
			t.Error("the inventory itself was moved")
		}
		if same, err := inv.OfInstance(0); err != nil || same != inv {
			t.Errorf("instance 0 is not the inventory as it was read: %v", err)
		}
	}
}

func TestAnInstanceThatCannotBeIsRefused(t *testing.T) {
	here, err := inventory.Load("../../../ansible/inventories/local")
	if err != nil {
		t.Fatal(err)
	}
	machines, err := inventory.Load("../../../ansible/inventories/lab")
	if err != nil {
		t.Fatal(err)
	}
	twins, err := inventory.Parse("twins", []byte(strings.NewReplacer(
		"10.0.1.1", "127.1.0.1", "10.0.1.2", "127.2.0.1", "10.0.1.3", "127.3.0.1", "10.0.2.", "127.9.9.").Replace(good)))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		inv  *inventory.Inventory
		n    int
		want string
	}{
		"negative":         {here, -1, "instance -1 does not exist"},
		"too large":        {here, 255, "instance 255 does not exist"},
		"machines":         {machines, 3, "is not on the loopback network"},
		"one address left": {twins, 3, "would both be at 127.3.0.1"},
	} {
		if _, err := tt.inv.OfInstance(tt.n); !errs.Is(err, errs.Usage) || !strings.Contains(err.Error(), tt.want) || errs.FixOf(err) == "" {
			t.Errorf("%s: %v (fix %q)", name, err, errs.FixOf(err))
		}
	}
}
