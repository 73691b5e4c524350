-- name: page
-- Differences below id $1, newest first; of a kind ($2), channel ($3), severity ($4), at least $5 seconds old, or all.
select d.id, d.channel, d.erp, d.order_key, d.kind, d.severity, d.cause, d.expected, d.found, d.explained, d.repair,
    d.state, d.looks, d.repairs, d.repaired_at, d.told is not null as told, d.found_at, d.last_seen_at, d.settled_at,
    s.id as stream_id, s.label
from differences d left join streams s on s.kind = 'order' and s.key = d.order_key
where d.id < $1 and d.state = $6 and ($2::text is null or d.kind = $2) and ($3::text is null or d.channel = $3)
    and ($4::text is null or d.severity = $4) and d.found_at <= now() - make_interval(secs => $5)
order by d.id desc limit $7;

-- name: kinds
-- Open differences by kind and age, of a channel ($1) or all; counts at most $2 rows.
select kind, severity, count(*) as n, min(found_at) as oldest_at,
    count(*) filter (where age < interval '1 hour') as hour,
    count(*) filter (where age >= interval '1 hour' and age < interval '1 day') as day,
    count(*) filter (where age >= interval '1 day' and age < interval '7 days') as week,
    count(*) filter (where age >= interval '7 days') as older
from (
    select kind, severity, found_at, now() - found_at as age from differences
    where state = 'open' and ($1::text is null or channel = $1) order by id limit $2
) d group by kind, severity order by n desc, kind;

-- name: routes
-- How reconciliation stands for each route.
select channel, erp, began_at, ended_at, looked, differing, succeeded_at, error from reconciled_routes order by channel;

-- name: certificates
-- Day closes below id $1, newest first.
select c.id, c.business_date, c.time_zone, c.serial, c.digest, r.serial as replaces, c.made_by, c.made_at,
    exists (select 1 from certificates n where n.replaces = c.id) as replaced
from certificates c left join certificates r on r.id = c.replaces
where c.id < $1 order by c.id desc limit $2;

-- name: certificate
-- One day close, whole.
select id, business_date, body, list from certificates where id = $1;

-- name: newest
-- The certificate that stands for a date.
select id, serial, digest, body, list from certificates where business_date = $1 order by id desc limit 1;

-- name: placed
-- Our orders of a channel that came since $2 and were placed in the day [$3, $4), after stream $5.
select id, key, state from streams
where kind = 'order' and channel = $1 and version > 0 and created_at >= $2 and placed_at >= $3 and placed_at < $4 and id > $5
order by id limit $6;
