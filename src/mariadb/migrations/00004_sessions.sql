-- +goose Up
-- Since when tokens of an id are good; the id need not be a user's any more.
CREATE TABLE IF NOT EXISTS ended (
    id          VARCHAR(32) CHARACTER SET ascii COLLATE ascii_general_nopad_ci NOT NULL PRIMARY KEY,
    tokens_from BIGINT NOT NULL COMMENT 'Unix seconds',
    KEY tokens_from (tokens_from)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Failures are counted for each network; '' is all of them. The earlier auth server reads and writes that row alone, so that
-- it works until it is replaced.
ALTER TABLE failures
    ADD COLUMN IF NOT EXISTS network    VARCHAR(43) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ''
                                        COMMENT 'an IPv4 address, or the /64 of an IPv6 one' AFTER id,
    ADD COLUMN IF NOT EXISTS signed_in  DATETIME(6) NOT NULL DEFAULT '1970-01-02' COMMENT 'UTC',
    ADD COLUMN IF NOT EXISTS keep_until DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) COMMENT 'UTC',
    DROP PRIMARY KEY, ADD PRIMARY KEY (id, network),
    DROP KEY IF EXISTS last_at,
    ADD KEY IF NOT EXISTS keep_until (keep_until);
UPDATE failures SET keep_until = last_at + INTERVAL 1 HOUR WHERE keep_until < last_at + INTERVAL 1 HOUR;
DROP TABLE IF EXISTS granted;

-- +goose Down
CREATE TABLE granted (
    node    VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'one run of an authd',
    network VARCHAR(43) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'an IPv4 address, or the /64 of an IPv6 one',
    since   DATETIME(6) NOT NULL COMMENT 'UTC',
    total   BIGINT UNSIGNED NOT NULL COMMENT 'granted since',
    told_at DATETIME(6) NOT NULL COMMENT 'UTC',
    PRIMARY KEY (node, network),
    KEY told_at (told_at)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
DELETE FROM failures WHERE network <> '';
ALTER TABLE failures
    DROP PRIMARY KEY, ADD PRIMARY KEY (id), DROP COLUMN network, DROP COLUMN signed_in, DROP COLUMN keep_until, ADD KEY last_at (last_at);
DROP TABLE ended;
