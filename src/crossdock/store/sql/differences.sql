-- name: views
-- The states of these orders.
select key, state from streams where kind = 'order' and key = any ($1::text[]) and version > 0;

-- name: walk
-- The next orders of a channel after stream $1, at most $2 streams looked at; how far it came is the last row's id.
select id, kind, key, channel, created_at from streams where id > $1 and version > 0 order by id limit $2;

-- name: standing_keys
-- Orders of a channel with a difference that stands, those looked at longest ago first.
select order_key from (
    select order_key, min(last_seen_at) as seen from differences
    where settled_at is null and channel = $1 group by order_key
) d order by seen limit $2;

-- name: standing
-- The differences that stand for these orders.
select id, order_key, kind, state, expected, found, looks, repairs, repaired_at, told, found_at,
    extract(epoch from now() - found_at)::float8 as age_s,
    extract(epoch from now() - repaired_at)::float8 as since_repair_s
from differences where settled_at is null and order_key = any ($1::text[]);

-- name: found
-- A difference was seen: first as suspected; seen again $9 seconds after the first time it is open.
insert into differences as d (channel, erp, order_key, kind, severity, cause, expected, found, explained, repair)
select $1, $2, f.order_key, f.kind, f.severity, f.cause, f.expected, f.found, f.explained, f.repair
from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $10::boolean[], $11::text[])
    as f (order_key, kind, severity, cause, expected, found, explained, repair)
on conflict (order_key, kind) where settled_at is null do update set
    severity = excluded.severity, cause = excluded.cause, expected = excluded.expected, found = excluded.found,
    explained = excluded.explained, repair = excluded.repair, looks = d.looks + 1, last_seen_at = now(),
    state = case when d.state = 'open' or now() - d.found_at >= make_interval(secs => $9) then 'open' else d.state end,
    opened_at = coalesce(d.opened_at, case when now() - d.found_at >= make_interval(secs => $9) then now() end)
returning id, order_key, kind, state, expected, found, looks, repairs, repaired_at, told, found_at,
    extract(epoch from now() - found_at)::float8 as age_s,
    extract(epoch from now() - repaired_at)::float8 as since_repair_s;

-- name: settle
-- These differences are no more; one that was only suspected leaves no trace.
update differences set state = 'settled', settled_at = now() where id = any ($1::bigint[]) and state = 'open';

-- name: forget
-- What was suspected and not seen again was the lag.
delete from differences where id = any ($1::bigint[]) and state = 'suspected';

-- name: sweep
-- What was settled more than $1 days ago goes, at most $2 rows at once.
delete from differences where id = any (array(
    select id from differences where settled_at < now() - make_interval(days => $1) order by settled_at limit $2
));

-- name: repaired
-- A repair was asked for.
update differences set repairs = repairs + 1, repaired_at = now() where id = any ($1::bigint[]);

-- name: told
-- A person was told, with what differed then.
update differences d set told = t.told
from unnest($1::bigint[], $2::text[]) as t (id, told) where d.id = t.id;

-- name: round
-- The newest round of a route.
insert into reconciled_routes (channel, erp, began_at, ended_at, looked, differing, succeeded_at, error)
values ($1, $2, now() - make_interval(secs => $3), now(), $4, $5, case when $6::text is null then now() end, $6)
on conflict (channel) do update set
    erp = excluded.erp, began_at = excluded.began_at, ended_at = excluded.ended_at, looked = excluded.looked,
    differing = excluded.differing, error = excluded.error,
    succeeded_at = coalesce(excluded.succeeded_at, reconciled_routes.succeeded_at);

-- name: clock
-- The database's clock.
select now();
