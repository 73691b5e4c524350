-- name: note
-- Notes delivery ids (first one wins) and creates the streams that are missing, looking first.
with created as (
    insert into streams (kind, key)
    select w.kind, w.key from unnest($3::text[], $4::text[]) with ordinality as w (kind, key, n)
    where not exists (select 1 from streams s where s.kind = w.kind and s.key = w.key)
    on conflict do nothing
)
insert into deliveries (connection_id, delivery_id)
select d.connection_id, d.delivery_id from unnest($1::int[], $2::text[]) as d (connection_id, delivery_id)
on conflict do nothing
returning connection_id, delivery_id;

-- name: keep
-- Stores messages, puts them on the agenda and notes their content ids; n is the position in the arrays.
with arriving as materialized (
    select nextval('messages_id_seq') as id, s.id as stream_id, a.*
    from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::bytea[], $9::text[], $10::smallint[])
        with ordinality as a (connection_id, delivery_id, kind, key, source, topic, body, headers, trace, priority, n)
    cross join lateral (select id from streams where kind = a.kind and key = a.key limit 1) s
), kept as (
    insert into messages (id, connection_id, stream_id, source, topic, delivery_id, body, headers, trace)
    overriding system value
    select id, connection_id, stream_id, source, topic, delivery_id, body, headers, trace from arriving
), queued as (
    insert into agenda (stream_id, message_id, priority) select stream_id, id, priority from arriving
), noted as (
    insert into deliveries (connection_id, delivery_id)
    select c.connection_id, c.delivery_id from unnest($11::int[], $12::text[]) as c (connection_id, delivery_id)
    on conflict do nothing
)
select n, id from arriving;

-- name: create_streams
-- Creates the streams that are missing, looking first; arguments are sorted, so that two writers cannot deadlock.
insert into streams (kind, key)
select w.kind, w.key from unnest($1::text[], $2::text[]) as w (kind, key)
where not exists (select 1 from streams s where s.kind = w.kind and s.key = w.key)
on conflict do nothing;

-- name: tell
-- Messages from one stream to another, onto the agenda.
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
