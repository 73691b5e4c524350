-- name: waiting
-- Whether anything waits: on the agenda, for its time, and which connections have commands to be sent.
select exists (select from agenda) as agenda, exists (select from timers) as timers, exists (select from wanted) as wanted,
    array(select distinct c.name from dispatch d join connections c on c.id = d.connection_id) as targets;

-- name: streams
-- Every stream.
select id, kind, key, version, state, status, step, reason from streams order by id;

-- name: messages
-- Every message after $1, with whose it is.
select m.id, coalesce(c.name, '') as connection, m.stream_id, m.source, m.topic, m.received_at, m.body, m.trace
from messages m left join connections c on c.id = m.connection_id where m.id > $1 order by m.id;

-- name: agenda
-- What waits.
select stream_id, message_id, priority, due_at from agenda order by due_at, message_id;

-- name: parked
-- What waits for a person.
select stream_id, message_id, priority, parked_at from parked order by stream_id, message_id;

-- name: timers
-- Alarms.
select stream_id, name, due_at, trace from timers order by 1, 2;

-- name: wanted
-- What orders lack among masters.
select w.stream_id, c.name, w.kind, w.key, w.unread, w.since from wanted w join connections c on c.id = w.connection_id
order by 1, 2, 3, 4;

-- name: reservations
-- What orders hold.
select sku, order_key, channel, quantity, committed_at from reservations order by 1, 2;

-- name: stock
-- What is there.
select sku, place, on_hand, committed, as_of from stock order by 1, 2;

-- name: journal
-- Every decision, in order.
select stream_id, version, cause, entries, actor, mapping, trace from journal order by stream_id, version;

-- name: commands
-- Every command.
select c.id, c.stream_id, c.key, t.name as target, c.purpose, c.payload, c.priority, c.trace, c.opened_at
from commands c join connections t on t.id = c.connection_id order by c.id;

-- name: dispatch
-- Commands to be sent.
select d.command_id, c.key, t.name as target, d.priority, d.due_at, d.state, d.fence, d.tries, d.check_first
from dispatch d join commands c on c.id = d.command_id join connections t on t.id = d.connection_id order by 1;

-- name: attempts
-- Every call after $1.
select id, command_id, fence, outcome, detail, fenced_out from attempts where id > $1 order by id;

-- name: problems
-- Every exception, settled ones too.
select stream_id, key, class, code, title, hint, fingerprint, owner, facts::text as facts, seen, settled_by
from exceptions order by id;

-- name: emptying
-- What empties every table that a run writes to: deleting takes milliseconds, where truncating and cloning take fifty.
select string_agg(format('delete from %I', relname), '; ' order by relname) from pg_class
where relkind in ('r', 'p') and not relispartition and relnamespace = 'public'::regnamespace
    and relname <> 'schema_version';

-- name: restarting
-- What lets every sequence begin anew.
select string_agg(format('alter sequence %I restart', relname), '; ') from pg_class
where relkind = 'S' and relnamespace = 'public'::regnamespace;

-- name: tidy
-- Clears away what deleting left: nobody else does it here, and it would slow down run after run.
vacuum;

-- name: end_of
-- Ends a session and waits until it is gone, with what it had locked.
select pg_terminate_backend($1, 10000) from pg_stat_activity where pid = $1;
