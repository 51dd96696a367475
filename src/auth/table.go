package auth

import "container/list"

// table is a map that holds at most max keys: the one that was not used for
// the longest time makes room. It is not safe for concurrent use.
type table[K comparable, V any] struct {
	max   int
	order *list.List // of *entry[K, V], the latest used first
	keys  map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

func newTable[K comparable, V any](limit int) *table[K, V] {
	return &table[K, V]{max: limit, order: list.New(), keys: make(map[K]*list.Element)}
}

// at returns the value of a key, which is made (zero) if it is not there. The
// pointer is good until the next call.
func (t *table[K, V]) at(key K) *V {
	if e, ok := t.keys[key]; ok {
		t.order.MoveToFront(e)
		return &e.Value.(*entry[K, V]).value
	}
	if t.order.Len() >= t.max {
		oldest := t.order.Back()
		delete(t.keys, t.order.Remove(oldest).(*entry[K, V]).key)
	}
	e := &entry[K, V]{key: key}
	t.keys[key] = t.order.PushFront(e)
	return &e.value
}
