//go:build bench

package bench

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	idleFlood    = 20_000 // connections, from two addresses
	signInFlood  = 300    // sign-ins at once
	honestTries  = 40
	honestLimit  = time.Second
	floodRSS     = 250 << 20
	floodAddress = "127.0.62."
)

// from makes a client whose connections come from an address.
func from(address string) *http.Client {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: 5 * time.Second}
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: d.DialContext, MaxIdleConnsPerHost: signInFlood}}
}

// honest signs in again and again from an address that sends nothing else, and returns
// how long 95 of 100 take at most.
func honest(t *testing.T, base string) time.Duration {
	t.Helper()
	client := from("127.0.62.200")
	defer client.CloseIdleConnections()
	var took []time.Duration
	for i := range honestTries {
		begin := time.Now()
		status, body := authPost(t, client, base+"/auth/login", `{"id":"honest","passwd":"correct horse"}`)
		if status != http.StatusOK {
			t.Errorf("honest sign-in %d: %d %s", i, status, body)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took[len(took)*95/100]
}

// TestFloods has strangers flood a real authd with its own limits, and a user sign in
// meanwhile.
func TestFloods(t *testing.T) {
	base, pid := startAuthdWith(t, fmt.Sprintf("path: %s", filepath.Join(t.TempDir(), "users.db")), "")
	ids := []string{"honest"}
	for i := range 8 {
		ids = append(ids, fmt.Sprint("flood", i))
	}
	for _, id := range ids {
		if status, body := authPost(t, from("127.0.62.200"), base+"/auth/signup", fmt.Sprintf(`{"id":%q,"passwd":"correct horse","email":"kim@example.org"}`, id)); status != http.StatusOK {
			t.Fatalf("sign-up: %d %s", status, body)
		}
	}
	quiet := honest(t, base)
	row(t, "sign-in, p95, nobody else", quiet.Seconds(), "s", "<= 1", quiet <= honestLimit)

	closeAll := idle(t, base)
	p95 := honest(t, base)
	row(t, "sign-in, p95, 20,000 idle connections from two addresses", p95.Seconds(), "s", "<= 1", p95 <= honestLimit)
	rss := residentBytes(t, pid)
	row(t, "authd's memory meanwhile", float64(rss)/(1<<20), "MiB", "<= 250", rss <= floodRSS)
	closeAll()

	for _, addresses := range []int{1, 8} {
		stop := signIns(base, addresses)
		p95 := honest(t, base)
		rss := residentBytes(t, pid)
		stop()
		row(t, fmt.Sprintf("sign-in, p95, 300 others at once from %d", addresses), p95.Seconds(), "s", "<= 1", p95 <= honestLimit)
		row(t, "authd's memory meanwhile", float64(rss)/(1<<20), "MiB", "<= 250", rss <= floodRSS)
	}
}

// idle opens connections from two addresses and keeps those that authd leaves open.
func idle(t *testing.T, base string) (closeAll func()) {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	var all sync.WaitGroup
	for worker := range 20 {
		all.Go(func() {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(floodAddress + fmt.Sprint(1+worker%2))}, Timeout: 5 * time.Second}
			for range idleFlood / 20 {
				conn, err := d.Dial("tcp", u.Host)
				if err != nil {
					continue
				}
				_ = conn.SetDeadline(time.Now().Add(20 * time.Millisecond))
				if _, err := conn.Read(make([]byte, 1)); err != nil && !strings.Contains(err.Error(), "timeout") {
					_ = conn.Close() // refused
					continue
				}
				mu.Lock()
				open = append(open, conn)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	t.Logf("%d of %d connections are open", len(open), idleFlood)
	return func() {
		for _, conn := range open {
			_ = conn.Close()
		}
	}
}

// signIns keeps many sign-ins under way from some addresses until stop is called.
func signIns(base string, addresses int) (stop func()) {
	done := make(chan struct{})
	var all sync.WaitGroup
	for i := range signInFlood {
		client := from(floodAddress + fmt.Sprint(10+i%addresses))
		all.Go(func() {
			body := fmt.Sprintf(`{"id":"flood%d","passwd":"correct horse"}`, i%addresses)
			for {
				select {
				case <-done:
					client.CloseIdleConnections()
					return
				default:
				}
				if res, err := client.Post(base+"/auth/login", "application/json", strings.NewReader(body)); err == nil {
					_ = res.Body.Close()
				}
			}
		})
	}
	return func() { close(done); all.Wait() }
}
