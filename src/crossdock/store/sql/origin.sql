-- name: serving
-- Which PostgreSQL this is, and whether it is another one than was noted. A standby that takes over, and a recovery to a
-- point in time, begin a new timeline; a dump is loaded into another system.
select w.system_identifier, w.timeline,
    (o.system_identifier, o.timeline) is distinct from (w.system_identifier, w.timeline) as moved
from (
    select system_identifier, ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer as timeline
    from pg_control_system()
) w
left join origin o on o.only_one;

-- name: note
-- Notes it. Where another one was noted before, the database may have lost time: it is in doubt from now on, and fences
-- that the lost time may have given are skipped before anybody sees it so. Who comes at the same time waits here.
with noted as (
    insert into origin (system_identifier, timeline) values ($1, $2)
    on conflict (only_one) do update set
        system_identifier = excluded.system_identifier, timeline = excluded.timeline,
        restored_at = now(), doubted_until = now() + make_interval(secs => $3)
    where (origin.system_identifier, origin.timeline) is distinct from (excluded.system_identifier, excluded.timeline)
    returning restored_at
)
select setval('fences', nextval('fences') + $4::bigint) from noted where restored_at is not null;

-- name: doubt
-- Somebody says that it lost time; or, with 0 seconds, that this is made up for. Zeros: a service that does not tell which
-- PostgreSQL it is.
with doubted as (
    insert into origin (system_identifier, timeline, restored_at, doubted_until)
    values (0, 0, now(), now() + make_interval(secs => $1))
    on conflict (only_one) do update set restored_at = excluded.restored_at, doubted_until = excluded.doubted_until
    returning true
)
select setval('fences', nextval('fences') + $2::bigint) from doubted;

-- name: standing
-- Since when, and until when, first sends look before they write.
select restored_at, doubted_until from origin where only_one and doubted_until > now();
