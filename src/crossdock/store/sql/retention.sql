-- name: only_one
-- One process at a time; the others leave it to it.
select pg_try_advisory_xact_lock(hashtext('crossdock retention'));

-- name: today
-- When the day began, on the database's clock.
select date_trunc('day', now(), 'UTC');

-- name: messages_needed
-- Whether an unfinished stream, or anything that still waits, has messages from $1 until before $2. Streams that nothing
-- was ever decided about need none.
select exists (
    select 1 from streams s join messages m on m.stream_id = s.id
    where s.finished_at is null and s.version > 0 and m.received_at >= $1::timestamptz and m.received_at < $2::timestamptz
) or exists (
    select 1 from agenda a join messages m on m.id = a.message_id
    where m.received_at >= $1::timestamptz and m.received_at < $2::timestamptz
) or exists (
    select 1 from parked p join messages m on m.id = p.message_id
    where m.received_at >= $1::timestamptz and m.received_at < $2::timestamptz
);

-- name: journal_needed
-- Whether an unfinished stream has decisions from $1 until before $2.
select exists (
    select 1 from streams s join journal j on j.stream_id = s.id
    where s.finished_at is null and j.at >= $1::timestamptz and j.at < $2::timestamptz
);

-- name: attempts_needed
-- Whether an unfinished stream, or a command under way, has calls from $1 until before $2.
select exists (
    select 1 from streams s join commands c on c.stream_id = s.id join attempts a on a.command_id = c.id
    where s.finished_at is null and a.started_at >= $1::timestamptz and a.started_at < $2::timestamptz
) or exists (
    select 1 from dispatch d join attempts a on a.command_id = d.command_id
    where a.started_at >= $1::timestamptz and a.started_at < $2::timestamptz
);

-- name: patience
-- Dropping waits a moment for readers and is tried again later: nobody may queue behind it.
select set_config('lock_timeout', '500ms', true), set_config('statement_timeout', '60s', true);

-- name: forget_deliveries
-- Delivery ids older than $1 days in the $3 pages of their table from page $2 on: reads no other page, whatever is forced.
delete from deliveries
where ctid >= format('(%s,0)', $2::bigint)::tid and ctid < format('(%s,0)', $2 + $3::bigint)::tid
    and seen_at < now() - make_interval(days => $1);

-- name: delivery_pages
-- How many pages the table of delivery ids has.
select pg_relation_size('deliveries') / current_setting('block_size')::bigint;
