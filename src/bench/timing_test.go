//go:build bench

package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"chatlab/src/testkit/mariadbtest"
)

const (
	timedRounds = 9    // wrong passwords at each id, one fewer than lock it
	timedIDs    = 20   // of each kind
	timedApart  = 0.05 // how far apart two medians may be, of the longer one
)

// TestTimesOfRefusedSignIns holds that the time of a refusal does not tell whether a user
// has the id, be the id locked or not. A lock itself is no secret: the answer names it.
func TestTimesOfRefusedSignIns(t *testing.T) {
	db := mariadbtest.Start(t).NewDatabase(t)
	for store, settings := range map[string]string{
		"SQLite": fmt.Sprintf("path: %s", filepath.Join(t.TempDir(), "users.db")),
		"MariaDB": fmt.Sprintf("driver: mariadb, addresses: [%s], name: %s, user: %s, password_file: %s, schema_user: %s, schema_password_file: %s",
			db.Addresses[0], db.Name, db.User, db.PasswordFile, db.SchemaUser, db.SchemaPasswordFile),
	} {
		base := startAuthd(t, settings, "failures_per_minute: 0, id_failures: 0, login_failures: 10, lockout: 10m")
		times := timesOfRefusals(t, base)
		for _, kinds := range [][2]string{{"known", "unknown"}, {"known, locked", "unknown, locked"}} {
			var medians [2]float64
			for i, kind := range kinds {
				slices.Sort(times[kind])
				medians[i] = float64(times[kind][len(times[kind])/2]) / float64(time.Millisecond)
				row(t, "refused sign-in, "+store+", id "+kind+": median", medians[i], "ms", "", true)
			}
			apart := math.Abs(medians[0]-medians[1]) / max(medians[0], medians[1])
			row(t, "these two apart", apart*100, "%", fmt.Sprint("<= ", timedApart*100), apart <= timedApart)
		}
	}
}

// timesOfRefusals sends wrong passwords in turns, so that each kind of id sees the same machine.
func timesOfRefusals(t *testing.T, base string) map[string][]time.Duration {
	t.Helper()
	client := &http.Client{Timeout: 20 * time.Second}
	wrong := func(id, code string) time.Duration {
		begin := time.Now()
		status, body := authPost(t, client, base+"/auth/login", fmt.Sprintf(`{"id":%q,"passwd":"wrong horse"}`, id))
		took := time.Since(begin)
		if got := fmt.Sprint(status); got != code {
			t.Errorf("sign-in of %s: %d %s, want %s", id, status, body, code)
		}
		return took
	}
	for i := range timedIDs {
		authSignUp(t, client, base, i)
	}
	for _, id := range []string{"kim0", "nobody0"} {
		for range 10 {
			wrong(id, "401")
		}
	}
	times := map[string][]time.Duration{}
	for range timedRounds {
		for i := 1; i < timedIDs; i++ {
			turns := []struct{ kind, id, code string }{
				{"known", fmt.Sprint("kim", i), "401"}, {"unknown", fmt.Sprint("nobody", i), "401"},
				{"known, locked", "kim0", "429"}, {"unknown, locked", "nobody0", "429"},
			}
			// What an answer leaves to be done meets the next one: each kind follows each.
			rand.Shuffle(len(turns), func(a, b int) { turns[a], turns[b] = turns[b], turns[a] })
			for _, turn := range turns {
				times[turn.kind] = append(times[turn.kind], wrong(turn.id, turn.code))
			}
		}
	}
	return times
}
