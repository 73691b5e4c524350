-- name: count
-- How many stored messages from outside match, and on how many streams. Filters that are null do not filter.
select count(*) as messages, count(distinct m.stream_id) as streams
from messages m left join connections c on c.id = m.connection_id
where m.source in ('webhook', 'poll', 'api', 'file')
    and ($1::timestamptz is null or m.received_at >= $1) and ($2::timestamptz is null or m.received_at < $2)
    and ($3::bigint[] is null or m.id = any($3)) and ($4::text is null or c.name = $4);

-- name: again
-- Puts the next $6 matching messages after id $5 on the agenda once more, in the backfill lane; returns the last id
-- looked at. A message that is waiting already is not doubled.
with batch as (
    select m.id, m.stream_id
    from messages m left join connections c on c.id = m.connection_id
    where m.id > $5 and m.source in ('webhook', 'poll', 'api', 'file')
        and ($1::timestamptz is null or m.received_at >= $1) and ($2::timestamptz is null or m.received_at < $2)
        and ($3::bigint[] is null or m.id = any($3)) and ($4::text is null or c.name = $4)
    order by m.id limit $6
), added as (
    insert into agenda (stream_id, message_id, priority)
    select b.stream_id, b.id, 2 from batch b
    where not exists (select 1 from agenda a where a.stream_id = b.stream_id and a.message_id = b.id)
        and not exists (select 1 from parked p where p.stream_id = b.stream_id and p.message_id = b.id)
    returning 1
)
select (select max(id) from batch) as last_id, (select count(*) from batch) as looked, (select count(*) from added) as added;
