-- +goose Up
-- Since when tokens of an id are good; the id need not be a user's any more.
CREATE TABLE ended (
    id          TEXT    NOT NULL PRIMARY KEY COLLATE NOCASE,
    tokens_from INTEGER NOT NULL -- Unix seconds
) STRICT, WITHOUT ROWID;
CREATE INDEX ended_from ON ended (tokens_from);

-- Wrong passwords of ids, whether a user has them or not, and who signed in. The network '' is all of them.
CREATE TABLE failures (
    id         TEXT    NOT NULL, -- in lower case
    network    TEXT    NOT NULL, -- an IPv4 address, or the /64 of an IPv6 one
    failures   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL, -- Unix microseconds, as the times below
    signed_in  INTEGER NOT NULL DEFAULT 0,
    keep_until INTEGER NOT NULL,
    PRIMARY KEY (id, network)
) STRICT, WITHOUT ROWID;
CREATE INDEX failures_keep ON failures (keep_until);

-- +goose Down
DROP TABLE failures;
DROP TABLE ended;
