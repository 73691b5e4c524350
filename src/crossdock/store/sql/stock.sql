-- name: take
-- What is there: the newest row of each place replaces the one before.
insert into stock (sku, place, on_hand, committed, as_of)
select * from unnest($1::text[], $2::text[], $3::numeric[], $4::numeric[], $5::timestamptz[])
on conflict (sku, place) do update set
    on_hand = excluded.on_hand, committed = excluded.committed, as_of = excluded.as_of
where stock.as_of < excluded.as_of;

-- name: reserve
-- What is promised to orders.
insert into reservations (sku, order_key, channel, quantity, committed_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::numeric[], $5::timestamptz[])
on conflict (sku, order_key) do update set quantity = excluded.quantity, committed_at = excluded.committed_at;

-- name: release
-- What is promised no more.
delete from reservations r using (
    select x.place from (select * from unnest($1::text[], $2::text[]) as w (sku, order_key) limit $3) w
    cross join lateral (
        select ctid as place from reservations where sku = w.sku and order_key = w.order_key limit 1
    ) x
) w
where r.ctid = w.place;

-- name: open
-- Commands that may replace an older one: they are not dispatched here.
insert into commands (stream_id, connection_id, purpose, key, payload, priority, trace)
select * from unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::bytea[], $6::smallint[], $7::text[])
on conflict (key) do nothing;

-- name: replace
-- Gives newer commands the places in the queue of older ones that were never sent. Where the older one was sent, its
-- outcome is coming, and the newer one stays unsent.
update dispatch d set command_id = w.newer
from (
    select n.id as newer, x.place
    from (select * from unnest($1::text[], $2::text[]) as w (newer, older) limit $3) w
    cross join lateral (select id from commands where key = w.newer limit 1) n
    cross join lateral (select id from commands where key = w.older limit 1) o
    cross join lateral (
        select ctid as place from dispatch
        where command_id = o.id and state = 'ready' and tries = 0 and not check_first limit 1 for update
    ) x
) w
where d.ctid = w.place;
