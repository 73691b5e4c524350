-- name: beat
-- This process is alive, and says how it is doing.
insert into workers (id, host, pid, roles, version, figures) values ($1, $2, $3, $4, $5, $6::jsonb)
on conflict (id) do update set seen_at = now(), figures = excluded.figures;

-- name: leave
-- This process ended in order.
delete from workers where id = $1;
