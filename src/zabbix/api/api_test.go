package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"chatlab/src/errs"
	"chatlab/src/zabbix/api"
)

// answers serves apiinfo.version, and sign-ins that fail with a text so often.
func answers(t *testing.T, text string, failures int) (base string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct{ Method string }
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
			t.Error(err)
		}
		switch {
		case call.Method == "apiinfo.version":
			fmt.Fprint(w, `{"result":"6.0.14"}`)
		case failures > 0:
			failures--
			fmt.Fprintf(w, `{"error":{"message":"Application error.","data":%q}}`, text)
		default:
			fmt.Fprint(w, `{"result":"token"}`)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestSignInBeginsAgainAfterADeadlockOfTheDatabase(t *testing.T) {
	for _, text := range []string{`SQL statement execution has failed "UPDATE users SET attempt_failed='0' WHERE userid='1'".`, "Database error occurred."} {
		base := answers(t, text, 2)
		if _, err := api.SignIn(t.Context(), http.DefaultClient, base, "Admin", "secret"); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSignInIsRefusedAtOnce(t *testing.T) {
	base := answers(t, "Login name or password is incorrect.", 1)
	if _, err := api.SignIn(t.Context(), http.DefaultClient, base, "Admin", "wrong"); !errs.Is(err, errs.WrongCredentials) {
		t.Errorf("sign in = %v", err)
	}
}
