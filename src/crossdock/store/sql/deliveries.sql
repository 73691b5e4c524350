-- name: lease
-- Leases due commands of a connection, best lane first; those due longer than $4 seconds are left to other claims. Of one
-- that rests (see limits.sql) nothing is leased.
with due as materialized (
    select x.command_id, x.place, x.due_at, row_number() over () as n
    from (values (0::smallint), (1::smallint), (2::smallint)) as lane (priority)
    cross join lateral (
        select d.command_id, d.ctid as place, d.due_at from dispatch d
        where d.connection_id = $1 and d.state = 'ready' and d.priority = lane.priority and d.due_at <= now()
            and d.due_at >= now() - make_interval(secs => $4)
        order by d.due_at limit $2 for update skip locked
    ) x
    where not exists (
        select from quotas
        where account = $5 and rest_until between clock_timestamp() and clock_timestamp() + interval '1 day'
    )
    limit $2
), leased as (
    update dispatch d set
        state = 'leased', due_at = clock_timestamp() + make_interval(secs => $3), fence = nextval('fences')
    from due where d.ctid = due.place
    returning d.command_id, d.fence, d.tries, d.check_first, d.posting_from, due.n, due.due_at
)
select c.id, c.key, c.purpose, c.payload, c.trace, l.fence, l.tries, l.check_first, l.posting_from, l.n,
    extract(epoch from now() - l.due_at)::float8 as waited_s,
    (select extract(epoch from now() - restored_at) from origin where only_one and doubted_until > now())::float8 as restored_s
from leased l
cross join lateral (select id, key, purpose, payload, trace from commands where id = l.command_id limit 1) c;

-- name: take_over
-- Leases commands whose holder's lease ended, notes that the holder's call is unknown, and looks first from then on. Of
-- a connection that rests nothing is leased.
with due as materialized (
    select x.command_id, x.place, x.fence, row_number() over () as n
    from (values (0::smallint), (1::smallint), (2::smallint)) as lane (priority)
    cross join lateral (
        select d.command_id, d.ctid as place, d.fence from dispatch d
        where d.connection_id = $1 and d.state = 'leased' and d.priority = lane.priority and d.due_at <= now()
        order by d.due_at limit $2 for update skip locked
    ) x
    where not exists (
        select from quotas
        where account = $4 and rest_until between clock_timestamp() and clock_timestamp() + interval '1 day'
    )
    limit $2
), leased as (
    update dispatch d set
        due_at = clock_timestamp() + make_interval(secs => $3), fence = nextval('fences'),
        tries = least(d.tries + 1, 32767), check_first = true
    from due where d.ctid = due.place
    returning d.command_id, d.fence, d.tries, d.check_first, d.posting_from, due.n
), lost as (
    insert into attempts (command_id, fence, started_at, duration_ms, outcome, detail)
    select command_id, fence, now(), 0, 'unknown', 'the lease ended before its holder reported' from due
)
select c.id, c.key, c.purpose, c.payload, c.trace, l.fence, l.tries, l.check_first, l.posting_from, l.n,
    0::float8 as waited_s,
    (select extract(epoch from now() - restored_at) from origin where only_one and doubted_until > now())::float8 as restored_s
from leased l
cross join lateral (select id, key, purpose, payload, trace from commands where id = l.command_id limit 1) c;

-- name: record
-- Keeps every call; removes or reschedules what was sent, for holders of the current fence only, and puts their outcomes
-- onto the agenda. Returns whose fence held. A worker's clock that is off must not choose an attempt's partition.
with sent as materialized (
    select w.*, x.place from (
        select * from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::float4[], $5::text[], $6::text[],
            $7::bytea[], $8::bytea[], $9::text[], $10::bytea[], $11::smallint[], $12::float8[], $13::int[], $14::bool[])
            as w (id, fence, started_at, duration_ms, outcome, detail, request, response, trace, settled, priority,
                again_s, counts, check_first)
        limit $15
    ) w
    left join lateral (
        select ctid as place, state from dispatch where command_id = w.id and fence = w.fence limit 1 for update
    ) x on x.state = 'leased' -- out here, where no plan can take it for a way in
), gone as (
    delete from dispatch d using sent s where d.ctid = s.place and s.settled is not null
    returning d.command_id, s.settled, s.priority, s.trace
), again as (
    update dispatch d set
        state = 'ready', due_at = now() + make_interval(secs => s.again_s), tries = least(d.tries + s.counts, 32767),
        check_first = s.check_first,
        throttled_at = case when s.outcome = 'rate_limited' then coalesce(d.throttled_at, now()) end
    from sent s where d.ctid = s.place and s.settled is null
), kept as (
    insert into attempts (command_id, fence, started_at, duration_ms, outcome, detail, request, response, fenced_out, trace)
    select id, fence, greatest(least(started_at, now()), now() - interval '1 day'), duration_ms, outcome, detail, request,
        response, place is null, trace
    from sent
), settled as materialized (
    select nextval('messages_id_seq') as id, c.stream_id, c.connection_id, g.settled as body, g.trace, g.priority
    from gone g
    cross join lateral (select stream_id, connection_id from commands where id = g.command_id limit 1) c
), told as (
    insert into messages (id, connection_id, stream_id, source, topic, body, trace)
    overriding system value
    select id, connection_id, stream_id, 'outcome', 'command_settled', body, trace from settled
), queued as (
    insert into agenda (stream_id, message_id, priority) select stream_id, id, priority from settled
)
select id, fence from sent where place is not null;

-- name: connection_of
-- The connections that commands are for.
select id, connection_id from commands where id = any ($1::bigint[]);

-- name: unlease
-- Gives commands back that were provably not sent.
update dispatch d set state = 'ready', due_at = now() + make_interval(secs => $4)
from (
    select x.place from (select * from unnest($1::bigint[], $2::bigint[]) as w (id, fence) limit $3) w
    cross join lateral (
        select ctid as place, state from dispatch where command_id = w.id and fence = w.fence limit 1 for update
    ) x
    where x.state = 'leased'
) w
where d.ctid = w.place;
