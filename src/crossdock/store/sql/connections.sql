-- name: register
-- Makes a configured account known, or brings what is known of it up to date.
insert into connections (name, system, role, region, api_version, mapping_version) values ($1, $2, $3, $4, $5, $6)
on conflict (name) do update set system = excluded.system, role = excluded.role, region = excluded.region,
    api_version = excluded.api_version, mapping_version = excluded.mapping_version, failing_polls = '{}'
returning id;

-- name: all
-- Every connection with pause and breaker state. This clock says when an open breaker may be probed: a worker's may be off.
select id, name, system, paused_at is not null as paused, paused_reason,
    case when breaker = 'open' and breaker_until <= clock_timestamp() then 'half_open' else breaker end as breaker,
    breaker_until, failures
from connections;

-- name: trip
-- Records breaker state on the database's clock.
update connections set failures = $2, breaker = $3,
    breaker_until = case when $4::float8 is not null then clock_timestamp() + make_interval(secs => $4::float8) end
where name = $1 returning id;

-- name: pause
-- Pauses with a reason, or resumes.
update connections set paused_reason = $2::text, paused_at = case when $2::text is not null then coalesce(paused_at, now()) end
where name = $1 returning id;

-- name: load_masters
-- Masters as last read, by key.
select m.key, m.body from unnest($3::text[]) as w (key)
cross join lateral (select key, body from masters where connection_id = $1 and kind = $2 and key = w.key limit 1) m;

-- name: save_masters
-- Keeps masters as read just now.
insert into masters (connection_id, kind, key, body)
select $1, $2, w.key, w.body from unnest($3::text[], $4::bytea[]) as w (key, body)
on conflict (connection_id, kind, key, ref) do update set body = excluded.body, as_of = now();

-- name: load_customers
-- Customers as last read, by key; several may share one.
select m.key, m.body from unnest($2::text[]) as w (key)
cross join lateral (
    select key, body from masters where connection_id = $1 and kind = 'customer' and key = w.key offset 0
) m limit $3;

-- name: leave_keys
-- Keys that these customers ($2) are no longer kept under.
delete from masters m using (select distinct ref from unnest($2::text[]) as u (ref)) w
where m.connection_id = $1 and m.kind = 'customer' and m.ref = w.ref
    and not exists (select from unnest($2::text[], $3::text[]) as n (ref, key) where n.ref = m.ref and n.key = m.key);

-- name: save_customers
-- Keeps customers as read just now, each under all of its keys.
insert into masters (connection_id, kind, ref, key, body)
select $1, 'customer', w.ref, w.key, w.body from unnest($2::text[], $3::text[], $4::bytea[]) as w (ref, key, body)
on conflict (connection_id, kind, key, ref) do update set body = excluded.body, as_of = now();

-- name: links
-- Which customer of the ERP ($2) people have linked these customers ($3) of a channel ($1) with; the newest link counts.
select distinct on (w.id) w.id, e.external_id as ref
from unnest($3::text[]) as w (id)
join "references" c on lower(c.external_id) = lower(w.id) and c.connection_id = $1 and c.type = $4 and c.external_id = w.id
join "references" e on e.stream_id = c.stream_id and e.connection_id = $2 and e.type = $4
order by w.id, e.created_at desc, e.stream_id desc;

-- name: cursor
-- Where a poll left off.
select value from cursors where connection_id = $1 and name = $2;

-- name: save_cursor
-- Keeps where a poll left off.
insert into cursors (connection_id, name, value) values ($1, $2, $3)
on conflict (connection_id, name) do update set value = excluded.value, saved_at = now();
