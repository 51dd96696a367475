package mongodb

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"chatlab/src/event"
	"chatlab/src/logd"
)

// Codes of the server (src/mongo/base/error_codes.yml of MongoDB).
const (
	codeBadValue           = 2
	codeTypeMismatch       = 14
	codeInvalidBSON        = 22
	codeNamespaceNotFound  = 26
	codeValidationFailed   = 121
	codeObjectTooLarge     = 10334
	codeDuplicateKey       = 11000
	codeDuplicateKeyUpdate = 11001
)

// document is the unit of storage, in the order of its fields.
type document struct {
	ID       bson.ObjectID `bson:"_id"`
	DateTime string        `bson:"date_time"`
	Server   string        `bson:"server"`
	Category string        `bson:"category"`
	Subject  string        `bson:"id"`
	Data     string        `bson:"data"`
}

func documentOf(e event.Event) document {
	return document{bson.ObjectID(e.ID), e.Time().Format(time.RFC3339), e.Server, e.Category, e.Subject, e.Data}
}

// Insert stores events with write concern majority, as logd.Store demands, and
// then adds them to the tail, so the tail has no event that the log has not.
func (l *Log) Insert(ctx context.Context, events []event.Event) (repeats int, err error) {
	if len(events) == 0 {
		return 0, l.Ping(ctx)
	}
	repeats, err = l.insert(ctx, events)
	stored := events
	var refused *logd.Refused
	if errors.As(err, &refused) {
		stored = nil
		for i, e := range events {
			if refused.Why[i] == "" {
				stored = append(stored, e)
			}
		}
	} else if err != nil {
		return 0, err
	}
	if err := l.keep(ctx, stored); err != nil {
		return 0, err
	}
	return repeats, err
}

func (l *Log) insert(ctx context.Context, events []event.Event) (repeats int, err error) {
	docs := make([]document, len(events))
	for i, e := range events {
		docs[i] = documentOf(e)
	}
	_, err = l.coll.InsertMany(ctx, docs, options.InsertMany().SetOrdered(false))
	var bulk mongo.BulkWriteException
	if !errors.As(err, &bulk) {
		return 0, away(err)
	}
	if bulk.WriteConcernError != nil {
		return 0, away(err)
	}
	refused := map[int]string{}
	for _, we := range bulk.WriteErrors {
		switch {
		case isRepeat(we.WriteError):
			repeats++
		case isFinal(we.Code):
			refused[we.Index] = "database: " + we.Message
		default:
			return 0, away(err)
		}
	}
	if len(refused) > 0 {
		return repeats, &logd.Refused{Why: refused}
	}
	return repeats, nil
}

// isRepeat tells whether a document's _id was there already. A unique index
// of another's making is not ours to take for one: MongoDB names the index,
// FerretDB only ever means _id.
func isRepeat(we mongo.WriteError) bool {
	if we.Code != codeDuplicateKey && we.Code != codeDuplicateKeyUpdate {
		return false
	}
	_, index, named := strings.Cut(we.Message, " index: ")
	return !named || strings.HasPrefix(index, "_id_ ") || index == "_id_"
}

// isFinal tells whether trying a document again cannot help.
func isFinal(code int) bool {
	return slices.Contains([]int{codeBadValue, codeTypeMismatch, codeInvalidBSON, codeValidationFailed,
		codeObjectTooLarge, codeDuplicateKey, codeDuplicateKeyUpdate}, code)
}

func isCode(err error, code int) bool {
	var se mongo.ServerError
	return errors.As(err, &se) && se.HasErrorCode(code)
}
