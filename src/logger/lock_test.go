package logger

import (
	"net"
	"strings"
	"testing"
	"time"

	"chatlab/src/mtls"
	"chatlab/src/testkit"
	"chatlab/src/testkit/mtlstest"
)

func TestALoggerThatIsWaitedForLeavesAtOnce(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	dir, files := t.TempDir(), mtlstest.NewAuthority(t).Files(mtls.ChatdLogger, "chat")
	old := &Config{TLS: files, Logd: []string{silent.Addr().String()}}
	old.Spool.Dir, old.Spool.MaxBytes = dir, minSpool
	log, _ := newLog()
	first, err := New(t.Context(), *old, log)
	if err != nil {
		t.Fatal(err)
	}
	first.pace.last, first.pace.dial = time.Hour, time.Hour // for ever, unless somebody waits
	ended := make(chan error, 1)
	go func() {
		ended <- first.Run(t.Context(), strings.NewReader(strings.Join(linesOf(events(3)), "")), new(ackSink))
	}()
	testkit.Until(t, "three lines in the spool", func() bool { waiting, _ := first.spool.backlog(); return waiting > 0 })

	second, err := New(t.Context(), *old, log) // fails after lockWait
	if err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the first: %v", err)
	}
	if waiting, _ := second.spool.backlog(); waiting == 0 {
		t.Error("the second logger does not have the lines of the first")
	}
	if wanted(dir) {
		t.Error("the second is waited for, and nobody waits")
	}
	if err := second.spool.close(); err != nil {
		t.Error(err)
	}
	second.lock.Unlock()
}
