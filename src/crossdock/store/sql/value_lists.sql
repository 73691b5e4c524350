-- name: leave
-- Values of a list that the system no longer has.
delete from value_lists where connection_id = $1 and kind = $2 and code <> all ($3::text[]);

-- name: keep
-- A list as read just now.
insert into value_lists (connection_id, kind, code, title)
select $1, $2, w.code, w.title from unnest($3::text[], $4::text[]) as w (code, title)
on conflict (connection_id, kind, code) do update set title = excluded.title, as_of = now();

-- name: read
-- That a list was read, whatever was in it.
insert into value_lists_read (connection_id, kind) values ($1, $2)
on conflict (connection_id, kind) do update set as_of = now();

-- name: all
-- Every list of every connection, also those that are empty; at most $1 values.
select c.name, r.kind, v.code, v.title
from value_lists_read r join connections c on c.id = r.connection_id
left join value_lists v on v.connection_id = r.connection_id and v.kind = r.kind
order by 1, 2, 3 limit $1;
