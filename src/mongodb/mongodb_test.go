package mongodb_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"chatlab/src/errs"
	"chatlab/src/event"
	"chatlab/src/ferret"
	"chatlab/src/logd"
	"chatlab/src/mongodb"
	"chatlab/src/testkit/logdtest"
)

// serve runs an embedded server until the test ends, or gives the real one
// that TEST_MONGODB_URI names.
func serve(t *testing.T) string {
	t.Helper()
	if uri := os.Getenv("TEST_MONGODB_URI"); uri != "" {
		return uri
	}
	s, err := ferret.Listen("127.0.0.1:0", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s.URI()
}

// open returns an empty log in a database of its own.
func open(t *testing.T, uri string) *mongodb.Log {
	t.Helper()
	l, err := mongodb.Open(mongodb.Config{URI: uri, Database: "t" + event.NewID(time.Now()).String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func find(t *testing.T, l *mongodb.Log, f mongodb.Filter, after event.ID) []mongodb.Record {
	t.Helper()
	var all []mongodb.Record
	for rec, err := range l.Find(t.Context(), f, after) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rec)
	}
	return all
}

func TestLogFulfilsTheContract(t *testing.T) {
	uri := serve(t)
	logdtest.Store(t, func(t *testing.T) (logd.Store, func() []event.Event) {
		l := open(t, uri)
		return l, func() []event.Event {
			var all []event.Event
			for _, rec := range find(t, l, mongodb.Filter{}, event.ID{}) {
				if !rec.Exact {
					t.Errorf("document is not the specification's: %+v", rec)
				}
				all = append(all, rec.Event)
			}
			return all
		}
	})
}

func TestDocumentIsTheSpecifications(t *testing.T) {
	uri := serve(t)
	l, err := mongodb.Open(mongodb.Config{URI: uri, Database: "exact"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	born := time.Date(2024, 2, 29, 23, 59, 58, 0, time.UTC)
	e := event.Event{ID: event.NewID(born), Server: "auth", Category: "signin", Subject: "kim", Data: "success"}
	if _, err := l.Insert(t.Context(), []event.Event{e}); err != nil {
		t.Fatal(err)
	}
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Disconnect(context.Background()) }()
	var got bson.D
	if err := client.Database("exact").Collection("Logdata").FindOne(t.Context(), bson.D{}).Decode(&got); err != nil {
		t.Fatal(err)
	}
	want := bson.D{{Key: "_id", Value: bson.ObjectID(e.ID)}, {Key: "date_time", Value: "2024-02-29T23:59:58Z"},
		{Key: "server", Value: "auth"}, {Key: "category", Value: "signin"}, {Key: "id", Value: "kim"}, {Key: "data", Value: "success"}}
	if !slices.Equal(got, want) {
		t.Fatalf("document %v, want %v", got, want)
	}
}

func TestFindChoosesAndGoesOn(t *testing.T) {
	l := open(t, serve(t))
	old := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(sec int, server, category, id, data string) event.Event {
		return event.Event{ID: event.NewID(old.Add(time.Duration(sec) * time.Second)), Server: server, Category: category, Subject: id, Data: data}
	}
	events := []event.Event{
		at(1, "auth", "signup", "kim", "success"), at(2, "auth", "signin", "kim", "fail"), at(3, "auth", "signin", "lee", "success"),
		at(4, "chat", "chat", "kim", "hello"), at(5, "chat", "chat", "kim", "help .*"), at(6, "chat", "chat", "lee", "hell\x00o"),
	}
	if _, err := l.Insert(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		filter mongodb.Filter
		after  event.ID
		want   []int
	}{
		"all":            {mongodb.Filter{}, event.ID{}, []int{0, 1, 2, 3, 4, 5}},
		"server":         {mongodb.Filter{Server: "auth"}, event.ID{}, []int{0, 1, 2}},
		"category":       {mongodb.Filter{Category: "signin"}, event.ID{}, []int{1, 2}},
		"id":             {mongodb.Filter{ID: "lee"}, event.ID{}, []int{2, 5}},
		"since":          {mongodb.Filter{Since: old.Add(4 * time.Second)}, event.ID{}, []int{3, 4, 5}},
		"data":           {mongodb.Filter{DataPrefix: "hel"}, event.ID{}, []int{3, 4, 5}},
		"data is no RE":  {mongodb.Filter{DataPrefix: "help ."}, event.ID{}, []int{4}},
		"data with NUL":  {mongodb.Filter{DataPrefix: "hell\x00"}, event.ID{}, []int{5}},
		"after":          {mongodb.Filter{}, events[3].ID, []int{4, 5}},
		"all together":   {mongodb.Filter{Server: "chat", Category: "chat", ID: "kim", Since: old, DataPrefix: "h"}, events[3].ID, []int{4}},
		"none":           {mongodb.Filter{Server: "chat", Category: "signin"}, event.ID{}, nil},
		"query operator": {mongodb.Filter{ID: `{"$gt":""}`}, event.ID{}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []int
			for _, rec := range find(t, l, tt.filter, tt.after) {
				got = append(got, slices.Index(events, rec.Event))
			}
			if !slices.Equal(got, tt.want) {
				t.Fatalf("found %v, want %v", got, tt.want)
			}
			if n, err := l.Count(t.Context(), tt.filter); err != nil || tt.after.IsZero() && int(n) != len(tt.want) {
				t.Fatalf("count %d, %v, want %d", n, err, len(tt.want))
			}
		})
	}
}

func TestFindReadsBatchAfterBatch(t *testing.T) {
	l := open(t, serve(t))
	events := make([]event.Event, 2345)
	for i := range events {
		events[i] = event.Event{ID: event.NewID(time.Now()), Server: "chat", Category: "chat"}
	}
	if _, err := l.Insert(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	got := find(t, l, mongodb.Filter{}, event.ID{})
	if len(got) != len(events) {
		t.Fatalf("found %d of %d", len(got), len(events))
	}
	for i := 1; i < len(got); i++ {
		if slices.Compare(got[i-1].Event.ID[:], got[i].Event.ID[:]) >= 0 {
			t.Fatalf("record %d is not above the one before", i)
		}
	}
}

func TestIndexesAreCreatedOnce(t *testing.T) {
	l := open(t, serve(t))
	for range 3 {
		if err := l.EnsureIndexes(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Insert(t.Context(), []event.Event{{ID: event.NewID(time.Now()), Server: "a", Category: "b"}}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServerAway(t *testing.T) {
	l := open(t, "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, insertErr := l.Insert(ctx, []event.Event{{ID: event.NewID(time.Now())}})
	_, countErr := l.Count(ctx, mongodb.Filter{})
	var findErr error
	for _, err := range l.Find(ctx, mongodb.Filter{}, event.ID{}) {
		findErr = err
	}
	for name, err := range map[string]error{"insert": insertErr, "count": countErr, "find": findErr,
		"ping": l.Ping(ctx), "indexes": l.EnsureIndexes(ctx)} {
		if !errs.Is(err, errs.Unavailable) {
			t.Errorf("%s: %v, want code unavailable", name, err)
		}
	}
}

func TestMistakesInTheConfiguration(t *testing.T) {
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]mongodb.Config{
		"no URI":           {},
		"not a URI":        {URI: "mongodb://[::1"},
		"other scheme":     {URI: "http://127.0.0.1:1/"},
		"password in it":   {URI: "mongodb://kim:secret@127.0.0.1:1/"},
		"no password file": {URI: "mongodb://127.0.0.1:1/", User: "kim", PasswordFile: password + ".no"},
	}
	for name, cfg := range tests {
		t.Run(name, func(t *testing.T) {
			l, err := mongodb.Open(cfg)
			if !errs.Is(err, errs.Usage) || strings.Contains(err.Error(), "secret") {
				t.Fatalf("error %v, want code usage without the password", err)
			}
			if l != nil {
				t.Fatal("opened")
			}
		})
	}
	l, err := mongodb.Open(mongodb.Config{URI: "mongodb://127.0.0.1:1/", User: "kim", PasswordFile: password})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
