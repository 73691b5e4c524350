-- name: connections
-- Every configured account with its health, what waits for it, what its limit has refused for $2 seconds and longer, its
-- quota's booking and until when it rests (accounts are named as connections).
select c.id, c.name, c.system, c.role, c.region, c.api_version, c.mapping_version, c.paused_at, c.paused_reason, c.breaker,
    c.breaker_until, c.failures, c.last_ok_at, c.last_error_at, c.last_error, c.ends::text as ends,
    c.failing_polls::text as failing_polls,
    q.n as waiting, q.due, q.leased, q.oldest_at, t.n as throttled, t.since as throttled_at,
    extract(epoch from quota.tat - now())::float8 as booked_s, slots.held,
    case when quota.rest_until between now() and now() + interval '1 day' then quota.rest_until end as rests_until
from connections c
cross join lateral (
    select count(*) as n, count(*) filter (where d.state = 'ready' and d.due_at <= now()) as due,
        count(*) filter (where d.state = 'leased') as leased,
        min(d.due_at) filter (where d.state = 'ready') as oldest_at
    from (select state, due_at from dispatch where connection_id = c.id limit $1) as d
) as q
cross join lateral (
    select count(*) as n, min(d.throttled_at) as since from (
        select throttled_at from dispatch
        where connection_id = c.id and throttled_at < now() - make_interval(secs => $2) order by throttled_at limit $1
    ) as d
) as t
left join quotas quota on quota.account = c.name
left join lateral (select sum(held)::integer as held from slots s where s.account = c.name and s.until > now()) as slots on true
order by case c.role when 'channel' then 0 when 'erp' then 1 else 2 end, c.name;

-- name: recent
-- Calls of the last hour per connection by outcome, over the newest $1.
select t.name, count(*) as n, count(*) filter (where a.outcome = 'done') as done,
    percentile_cont(0.5) within group (order by a.duration_ms) as p50_ms,
    percentile_cont(0.95) within group (order by a.duration_ms) as p95_ms
from (
    select command_id, outcome, duration_ms from attempts
    where started_at > now() - interval '1 hour' order by id desc limit $1
) as a
join commands c on c.id = a.command_id join connections t on t.id = c.connection_id
group by 1;
