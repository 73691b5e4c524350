-- name: book
-- Books units ahead on the account's virtual schedule, at most one second ahead of the clock. Losing the newest
-- bookings in a crash is harmless, as the bucket is empty at the server's start. What is further ahead than anybody can
-- book was booked by a clock that has been put back since (or another server's): the bucket is empty now. Nothing is
-- booked of an account that rests.
update quotas q set
    tat = case
        when greatest(q.tat, pg_postmaster_start_time()) > clock_timestamp() + make_interval(secs => 1 + $2::float8 + $3::float8)
            then clock_timestamp()
        else greatest(q.tat, pg_postmaster_start_time(), clock_timestamp() - make_interval(secs => $3::float8))
    end + make_interval(secs => $2::float8)
from (select set_config('synchronous_commit', 'off', true)) as quick
where q.account = $1 and (
    greatest(q.tat, pg_postmaster_start_time()) <= clock_timestamp() + interval '1 second'
    or greatest(q.tat, pg_postmaster_start_time()) > clock_timestamp() + make_interval(secs => 1 + $2::float8 + $3::float8)
) and (q.rest_until between clock_timestamp() and clock_timestamp() + interval '1 day') is not true
returning extract(epoch from q.tat - clock_timestamp())::float8 as wait_s;

-- name: ahead
-- How far ahead of the clock the account is booked, and how long it rests.
select extract(epoch from tat - clock_timestamp())::float8 as ahead_s,
    case when rest_until between clock_timestamp() and clock_timestamp() + interval '1 day'
        then extract(epoch from rest_until - clock_timestamp())::float8 else 0 end as rest_s
from quotas where account = $1;

-- name: open_account
-- Starts an account with an empty bucket.
insert into quotas (account, tat) values ($1, clock_timestamp()) on conflict do nothing;

-- name: rest
-- The account is left alone for so long; a longer rest that was asked for before goes on. Nobody is given more than a
-- day: what lies further ahead was written by a clock that has been put back since.
insert into quotas (account, rest_until) values ($1, clock_timestamp() + make_interval(secs => $2::float8))
on conflict (account) do update set rest_until = case
    when quotas.rest_until <= clock_timestamp() + interval '1 day' then greatest(quotas.rest_until, excluded.rest_until)
    else excluded.rest_until
end;

-- name: lock_slots
-- One at a time may count and take an account's slots.
select pg_advisory_xact_lock(hashtextextended('slots ' || $1, 0));

-- name: living_slots
-- Who lives on the account's slots. A lease that has longer to go than any is given was given by a clock that has been
-- put back since: who lives renews it within a second or so.
select worker, wanted, held, passes, extract(epoch from since)::float8 as since from slots
where account = $1 and until > clock_timestamp() and until < clock_timestamp() + interval '10 minutes';

-- name: hold_slots
-- Takes or renews a worker's slots. Who holds none and stops asking is soon forgotten: his share is for the others. He
-- has waited since he was first told so.
insert into slots (account, worker, wanted, held, passes, until)
select $1, $2, $3, $4, $6, clock_timestamp() + make_interval(secs => $5::float8)
on conflict (account, worker) do update set
    wanted = excluded.wanted, held = excluded.held, passes = excluded.passes, until = excluded.until,
    since = case when slots.held = 0 and slots.until > clock_timestamp() then slots.since else excluded.since end;

-- name: release_slots
-- Gives a worker's slots back.
delete from slots where account = $1 and worker = $2;
