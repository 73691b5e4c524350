-- name: page
-- SKUs after $1 in order of their keys, of those that contain $2 (in lower case); served by the unique index of streams.
select s.id, s.key as sku, s.status, s.reason, s.updated_at, s.state,
    there.on_hand::text as on_hand, there.committed::text as committed, there.as_of, held.quantity::text as reserved,
    held.orders
from streams s
cross join lateral (
    select sum(on_hand) as on_hand, sum(committed) as committed, min(as_of) as as_of from stock where sku = s.key
) there
cross join lateral (
    select coalesce(sum(quantity), 0) as quantity, count(*) as orders from reservations where sku = s.key
) held
where s.kind = 'stock' and s.version > 0 and s.key > $1 and position($2 in lower(s.key)) > 0
order by s.kind, s.key limit $3;

-- name: one
-- One SKU's stream.
select id, key as sku, status, reason, updated_at, version, state from streams where kind = 'stock' and key = $1;

-- name: reservations
-- What orders hold of a SKU, the oldest first.
select order_key, channel, quantity::text as quantity, reserved_at, committed_at
from reservations where sku = $1 order by reserved_at, order_key limit $2;
