package mariadb

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"chatlab/src/auth"
	"chatlab/src/errs"
)

var _ auth.Grants = (*Store)(nil)

// ExchangeGrants tells other nodes what this one granted; see auth.Grants. A node
// writes only rows of its own, which are in nobody's way.
func (s *Store) ExchangeGrants(ctx context.Context, node string, mine []auth.Grant, now time.Time) ([]auth.Grant, error) {
	if len(mine) > 0 {
		if err := s.tellGrants(ctx, mine, now); err != nil {
			return nil, auth.StoreAway(err)
		}
	}
	var others []auth.Grant
	err := s.call(ctx, func(ctx context.Context, _ bool) (err error) {
		others, err = s.readGrants(ctx, node, now.Add(-auth.GrantsKept))
		return err
	})
	return others, auth.StoreAway(err)
}

// tellGrants also removes what is not read any more.
func (s *Store) tellGrants(ctx context.Context, mine []auth.Grant, now time.Time) error {
	insert := `INSERT INTO granted (node, network, since, total, told_at) VALUES ` +
		strings.TrimPrefix(strings.Repeat(`, (?, ?, ?, ?, ?)`, len(mine)), ", ") +
		` ON DUPLICATE KEY UPDATE since = VALUES(since), total = VALUES(total), told_at = VALUES(told_at)`
	var args []any
	for _, g := range mine {
		args = append(args, g.Node, g.Network.String(), g.Since, g.Total, now.UTC())
	}
	err := s.call(ctx, func(ctx context.Context, _ bool) error {
		_, err := s.db.ExecContext(ctx, insert, args...)
		return err
	})
	if err != nil {
		return err
	}
	return s.call(ctx, func(ctx context.Context, _ bool) error {
		_, err := s.db.ExecContext(ctx, `DELETE FROM granted WHERE told_at < ? ORDER BY told_at LIMIT ?`, now.UTC().Add(-2*auth.GrantsKept), forgetAtOnce)
		return err
	})
}

func (s *Store) readGrants(ctx context.Context, node string, since time.Time) (all []auth.Grant, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT node, network, since, total FROM granted WHERE told_at > ? AND node <> ?`, since.UTC(), node)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var g auth.Grant
		var network string
		if err := rows.Scan(&g.Node, &network, &g.Since, &g.Total); err != nil {
			return nil, err
		}
		if g.Network, err = netip.ParsePrefix(network); err != nil {
			return nil, errs.Wrap(err, errs.Internal, "network of a grant")
		}
		all = append(all, g)
	}
	return all, rows.Err()
}
