-- What must be true of the tables, whatever happened: every statement gives the rows that contradict it, as (id, says).
-- Each is one statement, hence one snapshot: rows in flight are seen whole or not at all. $1 bounds what is looked at,
-- $2 what is told. Scalar subqueries, because a planner may turn "not exists" into reading a whole table.

-- name: waiting_without_stream
-- What waits, is parked or has an alarm, of a stream that is not there: nobody would ever decide on it.
select w.stream_id as id, w.says
from (
    select a.stream_id, format('agenda: message %s', a.message_id) as says
    from unnest('{0,1,2}'::smallint[]) as lane (priority)
    cross join lateral (
        select stream_id, message_id from agenda where priority = lane.priority order by due_at limit $1
    ) a
    union all
    (select stream_id, format('parked: message %s', message_id) from parked order by stream_id, message_id limit $1)
    union all
    (select stream_id, format('alarm: %s', name) from timers order by due_at limit $1)
) w
where (select id from streams where id = w.stream_id) is null
order by 1 limit $2;

-- name: waiting_without_message
-- What waits or is parked, and whose message is not kept.
select w.message_id as id, w.says
from (
    select a.message_id, format('agenda of stream %s', a.stream_id) as says
    from unnest('{0,1,2}'::smallint[]) as lane (priority)
    cross join lateral (
        select stream_id, message_id from agenda where priority = lane.priority order by due_at limit $1
    ) a
    union all
    (select message_id, format('parked, stream %s', stream_id) from parked order by stream_id, message_id limit $1)
) w
where (select true from messages where id = w.message_id limit 1) is null
order by 1 limit $2;

-- name: parked_apart
-- What is parked although its stream is not: no retry puts it back.
select p.stream_id as id, format('message %s, its stream is %s', p.message_id, p.status) as says
from (
    select stream_id, message_id, (select status from streams where id = parked.stream_id) as status
    from parked order by stream_id, message_id limit $1
) p
where p.status <> 'parked'
order by 1 limit $2;

-- name: dispatch_without_command
-- What is to be sent and is no command.
select d.command_id as id, format('%s since %s', d.state, d.due_at) as says
from (select command_id, state, due_at from dispatch order by command_id limit $1) d
where (select id from commands where id = d.command_id) is null
order by 1 limit $2;

-- name: command_without_stream
-- Commands of a stream that is not there, among the newest: nobody would take their outcome.
select c.id, format('%s (stream %s)', c.key, c.stream_id) as says
from (select id, key, stream_id from commands order by id desc limit $1) c
where (select id from streams where id = c.stream_id) is null
order by 1 limit $2;

-- name: command_never_sent
-- Commands of the last three days that are neither to be sent nor ever were. Stock numbers are replaced by newer ones.
-- A call is dated by the worker's clock, which the store lets be a day behind.
select c.id, c.key as says
from (
    select id, key, purpose from commands where opened_at > now() - interval '3 days' order by id desc limit $1
) c
where c.purpose <> 'stock.publish'
    and (select command_id from dispatch where command_id = c.id) is null
    and (
        select true from attempts where command_id = c.id and started_at > now() - interval '5 days' limit 1
    ) is null
order by 1 limit $2;

-- name: attempt_without_command
-- Calls of the last three days for what is no command.
select a.id, format('command %s: %s', a.command_id, a.outcome) as says
from (
    select id, command_id, outcome from attempts
    where started_at > now() - interval '3 days' order by id desc limit $1
) a
where (select id from commands where id = a.command_id) is null
order by 1 limit $2;

-- name: trouble_without_problem
-- Streams that wait for a person, and no open exception asks one. (A stock's number may fail while a newer one is out.)
select s.id, format('%s %s is %s: %s', s.kind, s.key, s.status, s.reason) as says
from unnest('{held,exception,parked}'::text[]) as st (trouble)
cross join lateral (
    select id, kind, key, status, step, reason from streams
    where trouble = st.trouble and finished_at is null order by id limit $1
) s
where (s.kind <> 'stock' or s.status = 'parked') and (
    select true from exceptions e
    where e.stream_id = s.id and e.settled_at is null and case s.status
        when 'parked' then e.key = s.step
        when 'held' then e.class = 'hold'
        else e.class not in ('hold', 'promise')
    end
    limit 1
) is null
order by 1 limit $2;

-- name: problem_without_trouble
-- Open exceptions of no stream, or of an order that goes on as if it had none. What was parked and is put back is told
-- by its next decision how it stands.
select e.id, format('%s of stream %s (%s)', e.key, e.stream_id, coalesce(s.status, 'not there')) as says
from (
    select id, key, class, stream_id from exceptions where state = 'open' order by fingerprint, id limit $1
) e
left join lateral (select kind, status from streams where id = e.stream_id limit 1) s on true
where s.kind is null or (
    s.kind = 'order' and e.class not in ('hold', 'promise') and s.status not in ('exception', 'parked')
    and (select true from agenda where stream_id = e.stream_id limit 1) is null
)
order by 1 limit $2;

-- name: journal_apart
-- Streams of the last two days, among the newest, whose journal does not have each of their versions once.
select s.id, format('%s %s: version %s, journal has %s, the last is %s', s.kind, s.key, s.version, j.n, j.last) as says
from (
    select id, kind, key, version from streams
    where created_at > now() - interval '2 days' and version > 0 order by id desc limit $1
) s
cross join lateral (
    select count(*) as n, count(distinct version) as versions, coalesce(max(version), 0) as last
    from journal where stream_id = s.id and at > now() - interval '3 days'
) j
where j.n <> s.version or j.versions <> s.version or j.last <> s.version
order by 1 limit $2;

-- name: ended_but_booking
-- Bookings that are still to be sent for an order that has ended.
select d.command_id as id, format('%s, the order is %s', c.key, s.status) as says
from (select command_id from dispatch order by command_id limit $1) d
cross join lateral (select key, stream_id from commands where id = d.command_id and purpose = 'order.book' limit 1) c
cross join lateral (select status from streams where id = c.stream_id and finished_at is not null limit 1) s
order by 1 limit $2;

-- name: sales_order_of_two
-- Sales orders of an ERP that the newest orders have in common with an older one.
select s.id, format('%s: %s of %s is of %s too', s.key, r.external_id, c.name, o.key) as says
from (select id, key from streams where kind = 'order' order by id desc limit $1) s
cross join lateral (
    select connection_id, external_id from "references" where stream_id = s.id and type = 'salesOrder' offset 0
) r
join connections c on c.id = r.connection_id and c.role = 'erp'
cross join lateral (
    select other.key from "references" x join streams other on other.id = x.stream_id
    where lower(x.external_id) = lower(r.external_id) and x.external_id = r.external_id and x.type = 'salesOrder'
        and x.connection_id = r.connection_id and x.stream_id < s.id
    limit 1
) o
order by 1 limit $2;
