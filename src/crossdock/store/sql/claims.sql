-- name: claim
-- Locks streams that have something due in a lane, from a remembered position on, walking past locked ones.
select s.id, a.due_at
from agenda a
cross join lateral (select id from streams where id = a.stream_id for no key update skip locked) s
where a.priority = $2::smallint and a.due_at <= now() and a.due_at >= $3::timestamptz and a.stream_id <> all ($4::bigint[])
order by a.due_at limit $1;

-- name: peek
-- Whether something is due in a lane, from a remembered position on.
select exists (
    select from agenda where priority = $1::smallint and due_at <= now() and due_at >= $2::timestamptz
);

-- name: claim_only
-- Locks the named streams that have something on the agenda.
select s.id, now() as due_at
from unnest($1::bigint[]) as w (id)
cross join lateral (select stream_id from agenda where stream_id = w.id limit 1) a
cross join lateral (select id from streams where id = w.id for no key update skip locked) s;

-- name: load
-- Reads the locked streams' newest versions with their oldest messages. The bounds spare partitions.
select s.id, s.kind, s.key, s.version, s.state, s.status, now() as now, a.place,
    m.id as message_id, m.connection_id, m.source, m.topic, m.received_at, m.body, m.trace, m.headers
from streams s
left join lateral (
    select message_id, ctid as place from agenda where stream_id = s.id and s.status <> 'parked'
    order by message_id limit $2
) a on true
left join lateral (
    select * from messages
    where id = a.message_id and received_at >= now() - interval '20 days' and received_at < now() + interval '1 day'
    limit 1
) m on true
where s.id = any ($1::bigint[]);

-- name: load_old
-- The same where a message waited for longer: looks into every partition.
select s.id, s.kind, s.key, s.version, s.state, s.status, now() as now, a.place,
    m.id as message_id, m.connection_id, m.source, m.topic, m.received_at, m.body, m.trace, m.headers
from streams s
left join lateral (
    select message_id, ctid as place from agenda where stream_id = s.id and s.status <> 'parked'
    order by message_id limit $2
) a on true
left join lateral (
    select * from messages
    where id = a.message_id
    limit 1
) m on true
where s.id = any ($1::bigint[]);

-- name: forget_lost
-- Takes what has no message any more off the agenda.
delete from agenda where ctid = any ($1::tid[]);

-- name: park
-- Moves everything that waits for streams that cannot go on into ``parked``.
with moved as (
    delete from agenda a using (
        select x.place from unnest($1::bigint[]) as w (id)
        cross join lateral (select ctid as place from agenda where stream_id = w.id offset 0) x limit $2
    ) w
    where a.ctid = w.place
    returning a.stream_id, a.message_id, a.priority
)
insert into parked (stream_id, message_id, priority) select stream_id, message_id, priority from moved
on conflict do nothing;

-- name: mark_parked
-- Marks streams as parked; ``step`` keeps the problem's key until they are opened again.
update streams s set status = 'parked', step = w.step, reason = w.reason, updated_at = now(), finished_at = null
from (
    select w.step, w.reason, x.place from (
        select * from unnest($1::bigint[], $2::text[], $3::text[]) as w (id, step, reason) limit $4
    ) w
    cross join lateral (select ctid as place from streams where id = w.id limit 1) x
) w
where s.ctid = w.place;

-- name: finish_unmoved
-- Finishes streams that nothing was ever decided about (what came is ignored): else they would count as on their way, and
-- keep their month from going, for ever.
update streams s set finished_at = now()
from (
    select x.place from (select * from unnest($1::bigint[]) as w (id) limit $2) w
    cross join lateral (select ctid as place, finished_at from streams where id = w.id limit 1) x
    where x.finished_at is null
) w
where s.ctid = w.place;

-- name: lock_parked
-- Locks a parked stream.
select id, step from streams where id = $1 and status = 'parked' for no key update;

-- name: unpark
-- Puts a stream's parked messages back on the agenda.
with moved as (
    delete from parked where stream_id = $1 returning stream_id, message_id, priority
)
insert into agenda (stream_id, message_id, priority) select stream_id, message_id, priority from moved;

-- name: mark_open
-- Opens a parked stream again.
update streams set status = case when version = 0 then 'new' else 'open' end, step = null, reason = null, updated_at = now()
where id = $1;
