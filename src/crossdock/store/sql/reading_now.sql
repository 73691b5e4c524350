-- name: lanes
-- Depth of each lane, counted up to $1 rows, and when its first message was due.
select lane.priority, depth.n as depth, oldest.due_at
from unnest('{0,1,2}'::smallint[]) as lane (priority)
cross join lateral (
    select count(*) as n from (select from agenda a where a.priority = lane.priority limit $1) as capped
) as depth
cross join lateral (select min(a.due_at) as due_at from agenda a where a.priority = lane.priority) as oldest;

-- name: dispatch
-- Commands waiting per connection, counted up to $1: all, those due now, those in flight, and the first due instant.
select c.name, q.n as depth, q.due, q.leased, q.oldest_at
from connections c
cross join lateral (
    select count(*) as n, count(*) filter (where d.state = 'ready' and d.due_at <= now()) as due,
        count(*) filter (where d.state = 'leased') as leased,
        min(d.due_at) filter (where d.state = 'ready') as oldest_at
    from (select state, due_at from dispatch where connection_id = c.id limit $1) as d
) as q
order by c.name;

-- name: arrivals
-- What came from outside per minute over the last $1 minutes, looking at no more than the newest $2 messages.
select date_trunc('minute', received_at) as minute, count(*) as n
from (
    select received_at, source from messages
    where received_at > now() - make_interval(mins => $1::integer) order by id desc limit $2
) as recent
where source in ('webhook', 'poll', 'api', 'file')
group by 1 order by 1;

-- name: calls
-- Calls to other systems per minute over the last $1 minutes, looking at no more than the newest $2 attempts.
select date_trunc('minute', started_at) as minute, count(*) as n, count(*) filter (where outcome <> 'done') as failed
from (
    select started_at, outcome from attempts
    where started_at > now() - make_interval(mins => $1::integer) order by id desc limit $2
) as recent
group by 1 order by 1;

-- name: rates
-- How many arrived from outside and how many calls were done in the last minute; limits as above ($1).
select
    (select count(*) filter (where source in ('webhook', 'poll', 'api', 'file')) from (
        select source from messages where received_at > now() - interval '1 minute' order by id desc limit $1
    ) as m) as accepted,
    (select count(*) filter (where outcome = 'done') from (
        select outcome from attempts where started_at > now() - interval '1 minute' order by id desc limit $1
    ) as a) as delivered,
    now() as at;

-- name: decisions_ever
-- Rows ever written to the journal, from the statistics: costs the same at any size. Only differences mean something.
select coalesce(sum(s.n_tup_ins), 0)::bigint
from pg_inherits i join pg_stat_user_tables s on s.relid = i.inhrelid
where i.inhparent = 'journal'::regclass;

-- name: statuses
-- Unfinished orders by status: of those in trouble up to $1 of each; of those on their way among the oldest 3 x $1.
select st.status, counted.n, counted.n >= $1 as capped
from unnest('{held,exception,parked}'::text[]) as st (status)
cross join lateral (
    select count(*) as n from (
        select from streams s where s.trouble = st.status and s.finished_at is null and s.kind = 'order' limit $1
    ) as capped
) as counted
union all
select st.status, count(*) filter (where w.status = st.status), count(w.status) >= 3 * $1
from unnest('{new,open,waiting}'::text[]) as st (status)
left join (
    select s.status from streams s
    where s.trouble = '' and s.finished_at is null and s.kind = 'order' order by s.id limit 3 * $1
) as w on true
group by st.status;

-- name: streams_estimate
-- About how many streams there are, as of the last vacuum or analyse; exact while there are few.
select case when reltuples > 20000 then reltuples::bigint
    else (select count(*) from streams where kind = 'order') end
from pg_class where oid = 'streams'::regclass;

-- name: exceptions_open
-- Open exceptions and their causes, counted up to $1.
select count(*) as n, count(distinct fingerprint) as causes
from (select fingerprint from exceptions where state = 'open' order by fingerprint, id limit $1) as capped;

-- name: lag_open
-- Orders on their way, by channel and region: how many and since when the oldest, among the oldest $1.
select coalesce(o.channel, '') as channel, coalesce(o.region, '') as region, count(*) as n, min(o.created_at) as oldest_at
from (
    select s.channel, s.region, s.created_at from streams s
    where s.trouble = '' and s.finished_at is null and s.kind = 'order' order by s.id limit $1
) as o
group by 1, 2 order by 1, 2;

-- name: lag_booked
-- From an order's arrival to its booking in the ERP, by channel and region, over the newest $1 calls of the last hour.
select coalesce(s.channel, '') as channel, coalesce(s.region, '') as region, count(*) as n,
    percentile_cont(0.5) within group (order by took.s) as p50_s,
    percentile_cont(0.95) within group (order by took.s) as p95_s
from (
    select command_id, started_at, duration_ms from attempts
    where outcome = 'done' and started_at > now() - interval '1 hour' order by id desc limit $1
) as a
join commands c on c.id = a.command_id and c.purpose = 'order.book'
join streams s on s.id = c.stream_id
cross join lateral (
    select extract(epoch from a.started_at + make_interval(secs => a.duration_ms / 1000) - s.created_at)::float8 as s
) as took
group by 1, 2 order by 1, 2;

-- name: workers
-- What each serving process says of itself, the silent ones last; gone for a day: left out.
select id, host, pid, roles, version, started_at, seen_at, figures::text as figures,
    seen_at < now() - interval '30 seconds' as silent
from workers where seen_at > now() - interval '1 day' order by silent, host, roles, id;
