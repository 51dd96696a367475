-- +goose Up
-- NOCASE folds ASCII letters and nothing else. created_at: RFC 3339, UTC, microseconds.
CREATE TABLE users (
    id         TEXT NOT NULL PRIMARY KEY COLLATE NOCASE,
    passwd     TEXT NOT NULL,
    email      TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE users;
