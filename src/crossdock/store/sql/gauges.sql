-- name: queues
-- Depth of each lane of the agenda, counted up to $1, and the age of its first due message.
select lane.name, depth.n::float8 as depth,
    coalesce(extract(epoch from now() - oldest.due_at), 0)::float8 as age
from (values (0::smallint, 'live'), (1::smallint, 'inventory'), (2::smallint, 'backfill')) as lane (priority, name)
cross join lateral (select count(*) as n from (select from agenda a where a.priority = lane.priority limit $1) c) depth
cross join lateral (
    select min(a.due_at) as due_at from agenda a where a.priority = lane.priority and a.due_at <= now()
) oldest;

-- name: dispatch
-- Commands per connection by state, counted up to $1 of each, and the age of the first due one.
select c.name, st.state, depth.n::float8 as depth,
    coalesce(extract(epoch from now() - oldest.due_at), 0)::float8 as age
from connections c cross join (values ('ready'), ('leased')) as st (state)
cross join lateral (
    select count(*) as n from (
        select from dispatch d where d.connection_id = c.id and d.state = st.state limit $1
    ) capped
) depth
cross join lateral (
    select min(due_at) as due_at from dispatch d
    where d.connection_id = c.id and d.state = st.state and st.state = 'ready' and d.due_at <= now()
) oldest;

-- name: orders
-- Unfinished orders by status and the age of the oldest: of those in trouble up to $1 of each, of those on their way
-- among the oldest 3 x $1.
select st.status, counted.n::float8 as n, coalesce(extract(epoch from now() - counted.oldest_at), 0)::float8 as age
from unnest('{held,exception,parked}'::text[]) as st (status)
cross join lateral (
    select count(*) as n, min(capped.created_at) as oldest_at from (
        select s.created_at from streams s
        where s.trouble = st.status and s.finished_at is null and s.kind = 'order' order by s.id limit $1
    ) capped
) counted
union all
select st.status, (count(*) filter (where w.status = st.status))::float8,
    coalesce(extract(epoch from now() - min(w.created_at) filter (where w.status = st.status)), 0)::float8
from unnest('{new,open,waiting}'::text[]) as st (status)
left join (
    select s.status, s.created_at from streams s
    where s.trouble = '' and s.finished_at is null and s.kind = 'order' order by s.id limit 3 * $1
) w on true
group by st.status;

-- name: exceptions
-- Open exceptions by class; looks at no more than $1.
select class, count(*)::float8 as n
from (select class from exceptions where state = 'open' order by fingerprint, id limit $1) as capped group by class;

-- name: late
-- Orders forecast to be later than promised, by channel; looks at no more than $1.
select coalesce(s.channel, '') as channel, count(*)::float8 as n
from (select stream_id from exceptions where class = 'promise' and settled_at is null order by stream_id limit $1) as o
join streams s on s.id = o.stream_id group by 1;

-- name: lag
-- Age of the oldest order on its way, by channel and region; looks at the oldest $1.
select coalesce(o.channel, '') as channel, coalesce(o.region, '') as region,
    extract(epoch from now() - min(o.created_at))::float8 as age
from (
    select s.channel, s.region, s.created_at from streams s
    where s.trouble = '' and s.finished_at is null and s.kind = 'order' order by s.id limit $1
) as o
group by 1, 2;

-- name: differences
-- Open differences by channel and kind; looks at no more than $1.
select channel, kind, count(*)::float8 as n
from (select channel, kind from differences where state = 'open' order by id limit $1) as capped group by channel, kind;

-- name: reconciled
-- How long ago each route was last compared whole.
select channel, extract(epoch from now() - coalesce(succeeded_at, began_at))::float8 as age from reconciled_routes;

-- name: connections
-- Breaker and pause of every connection, and for how long its limit has refused some command.
select c.name, c.breaker, c.paused_at is not null as paused,
    coalesce(extract(epoch from now() - t.since), 0)::float8 as throttled_s
from connections c
cross join lateral (
    select min(throttled_at) as since from dispatch where connection_id = c.id and throttled_at is not null
) t;

-- name: credentials
-- How long each credential of a connection still lives; below 0, it has ended.
select c.name, e.key as credential, extract(epoch from e.value::timestamptz - now())::float8 as left_s
from connections c cross join lateral jsonb_each_text(c.ends) e;

-- name: workers
-- How long ago each serving process was heard of; gone for an hour: left out.
select id, extract(epoch from now() - seen_at)::float8 as silent_s from workers where seen_at > now() - interval '1 hour';
