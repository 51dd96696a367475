-- +goose Up
-- Wrong passwords of ids, whether a user has them or not.
CREATE TABLE IF NOT EXISTS failures (
    id       VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY COMMENT 'in lower case',
    failures INT UNSIGNED NOT NULL COMMENT 'since the password was right last',
    last_at  DATETIME(6)  NOT NULL COMMENT 'UTC',
    KEY last_at (last_at)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
DROP TABLE failures;
