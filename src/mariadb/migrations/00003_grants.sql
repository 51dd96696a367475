-- +goose Up
-- What authd on several machines tell each other of the requests that they granted, for a minute.
CREATE TABLE IF NOT EXISTS granted (
    node    VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'one run of an authd',
    network VARCHAR(43) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'an IPv4 address, or the /64 of an IPv6 one',
    since   DATETIME(6) NOT NULL COMMENT 'UTC',
    total   BIGINT UNSIGNED NOT NULL COMMENT 'granted since',
    told_at DATETIME(6) NOT NULL COMMENT 'UTC',
    PRIMARY KEY (node, network),
    KEY told_at (told_at)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
DROP TABLE granted;
