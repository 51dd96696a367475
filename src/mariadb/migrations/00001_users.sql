-- +goose Up
-- Ids are ASCII, compared without case, and trailing spaces count.
CREATE TABLE IF NOT EXISTS users (
    id         VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_general_nopad_ci NOT NULL PRIMARY KEY,
    passwd     VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    email      VARCHAR(254) NOT NULL,
    created_at DATETIME(6)  NOT NULL COMMENT 'UTC'
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
DROP TABLE users;
