-- name: listed
-- Whether masters of a kind were listed whole at least once.
select exists (select from listed where connection_id = $1 and kind = $2);

-- name: note_listed
-- They were, just now.
insert into listed (connection_id, kind) values ($1, $2)
on conflict (connection_id, kind) do update set last_at = now();

-- name: awaited
-- Takes away what some orders lack and these masters ($3) bring, at most $4 rows; gives their streams.
with gone as (
    delete from wanted where ctid = any (array(
        select x.place from unnest($3::text[]) as w (key)
        cross join lateral (
            select ctid as place from wanted where connection_id = $1 and kind = $2 and key = w.key for update skip locked
        ) x limit $4
    ))
    returning stream_id
)
select stream_id from gone;

-- name: missed
-- The same for orders that were being looked at while their masters came: what is there now and was saved after, or
-- shortly before, they looked; and, once these masters were listed whole, whatever was looked for until then.
with gone as (
    delete from wanted where ctid = any (array(
        select w.ctid from wanted w where w.connection_id = $1 and w.kind = $2 and (
            w.unread and exists (select from listed l where l.connection_id = $1 and l.kind = $2)
            or exists (
                select from masters m where m.connection_id = $1 and m.kind = $2 and m.key = w.key
                    and m.as_of > w.since - interval '1 minute'
            )
        )
        limit $3 for update of w skip locked
    ))
    returning stream_id
)
select stream_id from gone;

-- name: look_again
-- Puts a message that Crossdock made itself on the agenda of each stream.
with made as materialized (
    select nextval('messages_id_seq') as id, w.stream_id from unnest($1::bigint[]) as w (stream_id)
), kept as (
    insert into messages (id, connection_id, stream_id, source, topic, body, trace)
    overriding system value
    select id, 0, stream_id, 'tell', 'masters_came', $2, $3 from made
)
insert into agenda (stream_id, message_id, priority) select stream_id, id, 0 from made;
