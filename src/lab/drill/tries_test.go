package drill

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chatlab/src/client"
	"chatlab/src/errs"
	"chatlab/src/event"
)

// authServer is an auth server that notes in a ledger, as the event log would,
// what it has done, and loses the connection before it says so as often as told.
type authServer struct {
	*httptest.Server
	log    *ledger
	silent int
}

func newAuthServer(t *testing.T, log *ledger, silent int) *authServer {
	t.Helper()
	s := &authServer{log: log, silent: silent}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *authServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	kind := "signin:"
	if strings.HasSuffix(r.URL.Path, "signup") {
		kind = "signup:"
	}
	_, id, _ := strings.Cut(string(body), `"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	s.log.sawSigning(event.Event{Category: strings.TrimSuffix(kind, ":"), Subject: id, Data: "success"})
	if kind == "signin:" && s.silent > 0 {
		s.silent--
		conn, _, _ := w.(http.Hijacker).Hijack()
		_ = conn.Close()
		return
	}
	_, _ = io.WriteString(w, `{"token":"t"}`)
}

// TestASignInAskedOfTwoServersIsTwoEvents: the first has recorded it when its
// answer is lost, and the client, which cannot know, asks the second.
func TestASignInAskedOfTwoServersIsTwoEvents(t *testing.T) {
	r := &run{id: "d1", ledger: newLedger()}
	first, second := newAuthServer(t, r.ledger, 1), newAuthServer(t, r.ledger, 0)
	auth, err := client.NewAuth(first.URL, second.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(auth.Close)
	c, s := &crew{r: r}, &signer{name: "d1-s0", auth: auth}
	for range 2 {
		c.sign(t.Context(), s)
	}
	r.ledger.expectEvents()
	p := r.ledger.reading()
	if _, repeated := p.closeEvents(); r.ledger.totals().Acked != 4 || repeated != 1 || !p.clean() {
		t.Errorf("%d repeated, %v", repeated, p)
	}
	// A server that records one request twice is found all the same.
	r.ledger.sawSigning(event.Event{Category: signIn, Subject: "d1-s0.1", Data: "success"})
	p = r.ledger.reading()
	if _, _ = p.closeEvents(); p.Doubled != 1 || p.First[doubled] != "signin:d1-s0.1" {
		t.Errorf("%v", p)
	}
}

func TestAnIDThatIsTakenSaysNothingAfterTwoRequests(t *testing.T) {
	taken := errs.E(errs.IDTaken, "the id is taken")
	for requests, want := range map[int32]errs.Code{1: errs.IDTaken, 2: errs.Unavailable} {
		var made tries
		made.sent.Store(requests)
		if got := errs.CodeOf(made.signedUp(taken)); got != want {
			t.Errorf("%d requests: %s, want %s", requests, got, want)
		}
	}
	if err := new(tries).signedUp(nil); err != nil {
		t.Error(err)
	}
}

// TestWhoIsNotServedAsksAgain: a pause until the next turn would count as a time
// without a sign-in.
func TestWhoIsNotServedAsksAgain(t *testing.T) {
	r := &run{id: "d1", ledger: newLedger()}
	only := newAuthServer(t, r.ledger, 1)
	auth, err := client.NewAuth(only.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(auth.Close)
	c, s := &crew{r: r}, &signer{name: "d1-s0", auth: auth}
	c.signUntilServed(t.Context(), s)
	r.ledger.expectEvents()
	p := r.ledger.reading()
	if _, _ = p.closeEvents(); !p.clean() {
		t.Errorf("%v", p)
	}
	if got := r.ledger.totals(); got.Sent != 4 || got.Acked != 3 || got.Unknown != 1 {
		t.Errorf("%+v", got)
	}
	if open := s.gap.open(time.Now()); open != 0 {
		t.Errorf("the gap is open for %s", open)
	}
}
