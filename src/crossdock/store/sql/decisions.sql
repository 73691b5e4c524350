-- name: write
-- All that most decisions consist of, in one round trip: the streams' new versions, the journal, new commands onto the
-- dispatch list, other systems' ids, and the decided messages off the agenda.
with saved as (
    update streams s set
        version = w.version, state = w.state, status = w.status, step = w.step, reason = w.reason, label = w.label,
        channel = w.channel, region = w.region, amount = w.amount::numeric, currency = w.currency,
        placed_at = w.placed_at, updated_at = now(),
        finished_at = case when w.status in ('done', 'cancelled', 'ignored') then coalesce(s.finished_at, now()) end
    from (
        select w.*, x.place from (
            select * from unnest($1::bigint[], $2::int[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[],
                $8::text[], $9::text[], $10::text[], $11::text[], $12::timestamptz[])
                as w (id, version, state, status, step, reason, label, channel, region, amount, currency, placed_at)
            limit $13
        ) w
        cross join lateral (select ctid as place from streams where id = w.id limit 1) x
    ) w
    where s.ctid = w.place
), told as (
    insert into journal (stream_id, version, cause, entries, actor, mapping, trace)
    select * from unnest($14::bigint[], $15::int[], $16::bigint[], $17::bytea[], $18::text[], $19::text[], $20::text[])
), opened as (
    insert into commands (stream_id, connection_id, purpose, key, payload, priority, trace)
    select * from unnest($21::bigint[], $22::int[], $23::text[], $24::text[], $25::bytea[], $26::smallint[], $27::text[])
    on conflict (key) do nothing
    returning id, connection_id, priority
), dispatched as (
    insert into dispatch (command_id, connection_id, priority) select id, connection_id, priority from opened
), referred as (
    insert into "references" (connection_id, type, external_id, stream_id)
    select * from unnest($28::int[], $29::text[], $30::text[], $31::bigint[])
    on conflict do nothing
)
delete from agenda where ctid = any ($32::tid[]);

-- name: send_again
-- Dispatches commands once more. Looks first unless every earlier call said clearly that nothing happened there.
insert into dispatch (command_id, connection_id, priority, posting_from, check_first)
select c.id, c.connection_id, c.priority, w.posting_from, coalesce((
    select true from attempts a where a.command_id = c.id
    and (a.fenced_out or a.outcome not in ('rejected', 'retry_later', 'rate_limited', 'misconfigured')) limit 1
), false)
from unnest($1::text[], $2::date[]) as w (key, posting_from)
cross join lateral (select * from commands where key = w.key limit 1) c
on conflict (command_id) do nothing;

-- name: set_timers
-- Sets or moves alarms.
insert into timers (stream_id, name, due_at, trace)
select * from unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::text[])
on conflict (stream_id, name) do update set due_at = excluded.due_at, trace = excluded.trace;

-- name: clear_timers
-- Takes alarms off.
delete from timers t using (
    select x.place from (select * from unnest($1::bigint[], $2::text[]) as w (stream_id, name) limit $3) w
    cross join lateral (select ctid as place from timers where stream_id = w.stream_id and name = w.name limit 1) x
) w
where t.ctid = w.place;

-- name: forget_wants
-- What streams lacked among masters.
delete from wanted d using (
    select x.place from unnest($1::bigint[]) as w (id)
    cross join lateral (select ctid as place from wanted where stream_id = w.id offset 0) x limit $2
) w
where d.ctid = w.place;

-- name: want
-- What they lack now.
insert into wanted (connection_id, kind, key, stream_id, unread)
select * from unnest($1::int[], $2::text[], $3::text[], $4::bigint[], $5::boolean[])
on conflict do nothing;

-- name: settle_problems
-- Settles open problems by key.
update exceptions e set state = 'settled', settled_at = now(), settled_by = $3
from (
    select x.place from (select * from unnest($1::bigint[], $2::text[]) as w (stream_id, key) limit $4) w
    cross join lateral (
        select ctid as place from exceptions where stream_id = w.stream_id and key = w.key and settled_at is null limit 1
    ) x
) w
where e.ctid = w.place;

-- name: open_problems
-- Opens problems, or counts up those that are open already.
insert into exceptions as e (stream_id, key, class, code, title, hint, fingerprint, owner, facts)
select w.stream_id, w.key, w.class, w.code, w.title, w.hint, w.fingerprint, w.owner, w.facts::jsonb
from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
    as w (stream_id, key, class, code, title, hint, fingerprint, owner, facts)
on conflict (stream_id, key) where settled_at is null do update set
    seen = e.seen + 1, last_seen_at = now(), class = excluded.class, code = excluded.code, title = excluded.title,
    hint = excluded.hint, fingerprint = excluded.fingerprint, owner = excluded.owner, facts = excluded.facts;

-- name: any_due_timer
-- Whether any alarm is due: asked twice a second for ever, so without a transaction.
select exists (select from timers where due_at <= now());

-- name: due_timers
-- Takes due alarms off.
delete from timers where ctid = any (array(
    select ctid from timers where due_at <= now() order by due_at limit $1 for update skip locked
))
returning stream_id, name, trace;

-- name: fire
-- Turns alarms into messages on their streams' agenda.
with fired as materialized (
    select nextval('messages_id_seq') as id, a.*
    from unnest($1::bigint[], $2::bytea[], $3::text[]) as a (stream_id, body, trace)
), kept as (
    insert into messages (id, connection_id, stream_id, source, topic, body, trace)
    overriding system value
    select id, 0, stream_id, 'timer', 'timer_fired', body, trace from fired
)
insert into agenda (stream_id, message_id, priority) select stream_id, id, 0 from fired;
