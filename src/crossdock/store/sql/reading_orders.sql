-- name: newest
-- Just beyond the newest stream: where a list begins.
select coalesce(max(id), 0) + 1 from streams;

-- name: unfinished_floor
-- The id of the $3-th unfinished stream (from 0) below id $2, of those in trouble $1 ('': on their way); null when there are fewer.
select id from streams where trouble = $1 and finished_at is null and id < $2 order by id desc offset $3 limit 1;

-- name: page_unfinished
-- Unfinished orders of status $1, in trouble $5, among the $6 streams below id $2, newest first; channel $3 or all.
select id, kind, key, label, channel, region, status, step, reason, amount::text as amount, currency, placed_at,
    created_at, updated_at, finished_at
from (
    select * from streams where trouble = $5 and finished_at is null and id < $2 order by id desc limit $6
) as looked
where kind = 'order' and status = $1 and ($3::text is null or channel = $3)
order by id desc limit $4;

-- name: page
-- Orders below id $2 and not below $5, newest first; status $1 or all, channel $3 or all. Served by the primary key.
select id, kind, key, label, channel, region, status, step, reason, amount::text as amount, currency, placed_at,
    created_at, updated_at, finished_at
from streams
where id < $2 and id >= $5 and kind = 'order' and ($1::text is null or status = $1)
    and ($3::text is null or channel = $3)
order by id desc limit $4;

-- name: page_late
-- Orders below id $2 that are forecast to be later than promised, newest first; status $1 or all, channel $3 or all.
select id, kind, key, label, channel, region, status, step, reason, amount::text as amount, currency, placed_at,
    created_at, updated_at, finished_at
from streams s
where id in (select stream_id from exceptions where class = 'promise' and settled_at is null and stream_id < $2)
    and kind = 'order' and ($1::text is null or status = $1) and ($3::text is null or channel = $3)
order by id desc limit $4;

-- name: search
-- Streams that know any of the ids $1 (lower case, exact) or whose key is one of $2; at most $3.
with found as (
    select stream_id as id, min(type) as type, min(external_id) as matched from (
        select stream_id, type, external_id from "references" where lower(external_id) = any ($1::text[]) limit $3
    ) as r group by 1
    union all
    select id, 'key', key from streams where kind in ('order', 'signal') and key = any ($2::text[])
)
select distinct on (s.id) s.id, s.kind, s.key, s.label, s.channel, s.region, s.status, s.step, s.reason,
    s.amount::text as amount, s.currency, s.placed_at, s.created_at, s.updated_at, s.finished_at, f.type, f.matched
from found f join streams s on s.id = f.id
order by s.id desc limit $3;

-- name: search_prefix
-- Streams that know an id beginning with $1 (a LIKE pattern, lower case), at most $2.
select distinct on (s.id) s.id, s.kind, s.key, s.label, s.channel, s.region, s.status, s.step, s.reason,
    s.amount::text as amount, s.currency, s.placed_at, s.created_at, s.updated_at, s.finished_at, f.type, f.matched
from (
    select stream_id, type, external_id as matched from "references" where lower(external_id) like $1 limit $2
) as f join streams s on s.id = f.stream_id
order by s.id desc limit $2;

-- name: search_label
-- Orders called one of $1 among the newest $2 streams (labels have no index: orders are also found by their number).
select id, kind, key, label, channel, region, status, step, reason, amount::text as amount, currency, placed_at,
    created_at, updated_at, finished_at, 'label' as type, label as matched
from streams
where id > (select coalesce(max(id), 0) - $2 from streams) and label = any ($1::text[])
order by id desc limit 50;

-- name: search_within
-- Orders and settlements whose label or key holds $1 (lower case) among the newest $2 streams, newest first, at most $3.
select id, kind, key, label, channel, region, status, step, reason, amount::text as amount, currency, placed_at,
    created_at, updated_at, finished_at,
    case when position($1 in lower(label)) > 0 then 'label' else 'key' end as type,
    case when position($1 in lower(label)) > 0 then label else key end as matched
from streams
where id > (select coalesce(max(id), 0) - $2 from streams) and kind in ('order', 'settlement')
    and (position($1 in lower(label)) > 0 or position($1 in lower(key)) > 0)
order by id desc limit $3;

-- name: by_key
-- The stream of a kind and key.
select id from streams where kind = $1 and key = $2;

-- name: one
-- One stream with its snapshot.
select id, kind, key, label, channel, region, status, step, reason, amount::text as amount, currency, placed_at,
    created_at, updated_at, finished_at, version, state
from streams where id = $1;

-- name: messages
-- A stream's messages without their bodies, newest first, at most $2. A message is waiting while it is on the agenda, or parked.
select m.id, m.received_at, c.name as connection, m.source, m.topic, m.delivery_id, m.trace,
    case when m.source in ('webhook', 'poll', 'api', 'file') then null else m.body end as body,
    case when a.message_id is not null then 'waiting' when p.message_id is not null then 'parked' else 'decided' end
        as handling
from messages m
left join connections c on c.id = m.connection_id
left join agenda a on a.stream_id = m.stream_id and a.message_id = m.id
left join parked p on p.stream_id = m.stream_id and p.message_id = m.id
where m.stream_id = $1 order by m.id desc limit $2;

-- name: delivered
-- The bodies of streams' ($1) messages by their delivery ids ($2), in pairs.
select m.stream_id, m.body from unnest($1::bigint[], $2::text[]) as w (stream_id, delivery_id)
join messages m on m.stream_id = w.stream_id and m.delivery_id = w.delivery_id;

-- name: journal
-- Decisions about a stream, newest first, at most $2.
select version, at, cause, entries, actor, mapping, trace from journal where stream_id = $1 order by version desc limit $2;

-- name: commands
-- What was asked of other systems, and where each command is now: newest first, at most $2.
select c.id, c.key, t.name as target, c.purpose, c.opened_at, c.trace,
    d.state, d.due_at, d.tries, d.check_first,
    case when t.paused_at is not null then coalesce(t.paused_reason, 'nobody said why') end as paused,
    t.breaker = 'open' as away, coalesce(d.throttled_at, (
        select min(x.throttled_at) from dispatch x where x.connection_id = d.connection_id and x.throttled_at is not null
    )) as throttled_at
from commands c left join connections t on t.id = c.connection_id left join dispatch d on d.command_id = c.id
where c.stream_id = $1 order by c.id desc limit $2;

-- name: attempts
-- Calls made for a stream's commands, without what was sent and answered: newest first, at most $2.
select a.id, a.command_id, a.fence, a.started_at, a.duration_ms, a.outcome, a.detail, a.fenced_out, a.trace,
    a.request is not null as has_request, a.response is not null as has_response
from attempts a where a.command_id = any ($1::bigint[]) order by a.started_at desc, a.id desc limit $2;

-- name: references
-- Every other system's id of a stream.
select c.name as connection, c.system, r.type, r.external_id, r.created_at
from "references" r left join connections c on c.id = r.connection_id
where r.stream_id = $1 order by r.created_at, r.type, r.external_id limit 200;

-- name: exceptions
-- A stream's exceptions, open ones first.
select id, stream_id, key, class, code, title, hint, fingerprint, owner, facts::text as facts, state, seen, first_seen_at,
    last_seen_at, settled_at, settled_by
from exceptions where stream_id = $1 order by state, id desc limit 100;

-- name: timers
-- When a stream wakes by itself.
select name, due_at from timers where stream_id = $1 order by due_at;

-- name: message_body
-- One message as received.
select m.id, m.stream_id, c.name as connection, m.topic, m.source, m.body, m.headers
from messages m left join connections c on c.id = m.connection_id where m.id = $1;

-- name: attempt_exchange
-- What one attempt sent and got.
select a.id, c.stream_id, a.request, a.response
from attempts a join commands c on c.id = a.command_id where a.id = $1;

-- name: command_payload
-- What a command asks, in canonical words.
select id, stream_id, payload from commands where id = $1;
