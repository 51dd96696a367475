package main

import (
	"os/exec"
	"strings"
	"testing"
)

// What Zabbix's package brings: statements of one row each, texts in which lines
// end, even where a statement could, and statements of other kinds, after
// which the join begins with the next row but one.
const rows = "INSERT INTO `role` (`roleid`,`name`) values ('1','User role');\n" +
	"INSERT INTO `role` (`roleid`,`name`) values ('2','Two lines:\n" +
	"INSERT INTO `role` (`roleid`,`name`) values (text)\n" +
	"the end');\n" +
	"INSERT INTO `role` (`roleid`,`name`) values ('3','Last');\n" +
	"INSERT INTO `users` (`userid`) values ('1');\n" +
	"DELETE FROM changelog;\n" +
	"INSERT INTO `users` (`userid`) values ('2');\n" +
	"INSERT INTO `users` (`userid`) values ('3');\n" +
	"INSERT INTO `users` (`userid`) values ('4');\n" +
	"INSERT INTO `users` (`userid`,`name`) values ('5','');\n"

const joined = "INSERT INTO `role` (`roleid`,`name`) values ('1','User role');\n" +
	"INSERT INTO `role` (`roleid`,`name`) values ('2','Two lines:\n" +
	"INSERT INTO `role` (`roleid`,`name`) values (text)\n" +
	"the end'),\n" +
	"('3','Last');\n" +
	"INSERT INTO `users` (`userid`) values ('1');\n" +
	"DELETE FROM changelog;\n" +
	"INSERT INTO `users` (`userid`) values ('2');\n" +
	"INSERT INTO `users` (`userid`) values ('3'),\n" +
	"('4');\n" +
	"INSERT INTO `users` (`userid`,`name`) values ('5','');\n"

func join(t *testing.T, in string) string {
	t.Helper()
	cmd := exec.Command("awk", "-f", "../../ansible/roles/zabbix_server/files/join.awk")
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestRowsOfZabbixAreJoined(t *testing.T) {
	if got := join(t, rows); got != joined {
		t.Errorf("got:\n%s", got)
	}
}

// The server refuses a statement beyond max_allowed_packet, 16 MiB by default.
func TestJoinedStatementsStaySmall(t *testing.T) {
	row := "INSERT INTO `t` (`a`) values ('" + strings.Repeat("x", 1000) + "');\n"
	got := join(t, strings.Repeat(row, 3000))
	if n := strings.Count(got, "INSERT"); n < 5 || n > 8 {
		t.Errorf("3 MB in %d statements", n)
	}
	if n := strings.Count(got, "xx')"); n != 3000 {
		t.Errorf("%d rows of 3000", n)
	}
	for statement := range strings.SplitSeq(got, ";\n") {
		if len(statement) > 1<<20 {
			t.Errorf("a statement of %d bytes", len(statement))
		}
	}
}
