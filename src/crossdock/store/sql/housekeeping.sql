-- name: notify
-- Wakes listeners; a statement of its own, because inside the writing transaction it takes a global lock.
select pg_notify($1, '');

-- name: vacuum_agenda
-- Keeps the queue short; skips it when somebody else is at it.
vacuum (skip_locked, truncate off) agenda;

-- name: vacuum_dispatch
-- The same for the commands to be sent.
vacuum (skip_locked, truncate off) dispatch;

-- name: forget_gone
-- Slots of workers that went without giving them back, and what was said by workers that nobody is shown any more.
with gone as (delete from slots where until < clock_timestamp() - interval '1 hour')
delete from workers where seen_at < now() - interval '7 days';

-- name: sees_sessions
-- Whether this role is told since when other roles' sessions hold their snapshots.
select pg_has_role('pg_read_all_stats', 'usage');

-- name: figures
-- Health figures; null: cannot be seen. Row counts are estimates as of the last vacuum, exact counts would walk the tables.
select
    case when pg_has_role('pg_read_all_stats', 'usage') then coalesce((
        select max(extract(epoch from clock_timestamp() - xact_start)) from pg_stat_activity
        where backend_xmin is not null and pid <> pg_backend_pid()
    ), 0) end::float8 as oldest_snapshot_s,
    greatest((select reltuples from pg_class where oid = 'agenda'::regclass), 0)::float8 as agenda_rows,
    greatest((select reltuples from pg_class where oid = 'dispatch'::regclass), 0)::float8 as dispatch_rows,
    coalesce((select extract(epoch from doubted_until - now()) from origin where only_one and doubted_until > now()), 0)::float8
        as doubted_s;
