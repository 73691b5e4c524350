-- name: accept
-- Stores what is new, creates its streams, puts it on the agenda and notes its ids. Rows are sorted by delivery.
-- Looks first and then inserts without "on conflict": whoever came in between makes the whole statement fail, and it is
-- asked again. That way nothing has to be joined to what an insert returned. ``turn`` is the position in the group.
with place as materialized (
    select w.kind, w.key, s.id as known, coalesce(s.id, nextval('streams_id_seq')) as id
    from unnest($5::text[], $6::text[]) as w (kind, key)
    left join lateral (select id from streams where kind = w.kind and key = w.key limit 1) s on true
), looked as materialized (
    select ($1::int[])[a.family] as connection_id, d.known, a.*
    from unnest($7::int[], $8::int[], $9::int[], $10::text[], $11::bytea[], $12::bytea[], $13::text[])
        as a (turn, family, place, delivery_id, body, headers, trace)
    left join lateral (
        select true as known from deliveries
        where connection_id = ($1::int[])[a.family] and delivery_id = a.delivery_id limit 1
    ) d on true
), arriving as materialized (
    select (array(select nextval('messages_id_seq') from generate_series(1, $14::int)))[turn] as id,
        (array(select id from place))[place] as stream_id, looked.*
    from looked where known is null
), created as (
    insert into streams (id, kind, key) overriding system value
    select id, kind, key from place where known is null and id = any (array(select stream_id from arriving))
), delivered as (
    insert into deliveries (connection_id, delivery_id) select connection_id, delivery_id from arriving
), kept as (
    insert into messages (id, connection_id, stream_id, source, topic, delivery_id, body, headers, trace)
    overriding system value
    select id, connection_id, stream_id, ($2::text[])[family], ($3::text[])[family], delivery_id, body, headers, trace
    from arriving
), queued as (
    insert into agenda (stream_id, message_id, priority) select stream_id, id, ($4::smallint[])[family] from arriving
), noted as (
    insert into deliveries (connection_id, delivery_id)
    select c.connection_id, c.delivery_id from unnest($15::int[], $16::int[], $17::text[]) as c (row, connection_id, delivery_id)
    where (array(select known from looked))[c.row] is null
    on conflict do nothing
)
select turn, id from arriving;

-- name: create_streams
-- Creates the streams that are missing, looking first; arguments are sorted, so that two writers cannot deadlock.
insert into streams (kind, key)
select w.kind, w.key from unnest($1::text[], $2::text[]) as w (kind, key)
where not exists (select 1 from streams s where s.kind = w.kind and s.key = w.key)
on conflict do nothing;

-- name: tell
-- Messages from one stream to another, onto the agenda; none for a stream that is not there.
with told as materialized (
    select nextval('messages_id_seq') as id, s.id as stream_id, a.*
    from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::smallint[])
        as a (connection_id, kind, key, topic, body, trace, priority)
    cross join lateral (select id from streams where kind = a.kind and key = a.key limit 1) s
), kept as (
    insert into messages (id, connection_id, stream_id, source, topic, body, trace)
    overriding system value
    select id, connection_id, stream_id, 'tell', topic, body, trace from told
)
insert into agenda (stream_id, message_id, priority) select stream_id, id, priority from told;
