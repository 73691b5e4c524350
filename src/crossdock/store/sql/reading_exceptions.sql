-- name: groups
-- Open exceptions by cause, the biggest first; owner $1 or all, at most $2 groups.
select g.fingerprint, g.n, g.streams, g.seen, g.first_seen_at, g.last_seen_at, e.class, e.code, e.title, e.hint, e.owner,
    g.samples
from (
    select fingerprint, count(*) as n, count(distinct stream_id) as streams, sum(seen) as seen,
        min(first_seen_at) as first_seen_at, max(last_seen_at) as last_seen_at, max(id) as newest,
        (array_agg(stream_id order by id desc))[1:3] as samples
    from exceptions where state = 'open' and ($1::text is null or owner = $1) group by fingerprint
) as g
join exceptions e on e.id = g.newest
order by g.n desc, g.last_seen_at desc limit $2;

-- name: members
-- Open exceptions of one cause ($1) below id $2, newest first.
select e.id, e.stream_id, e.key, e.class, e.code, e.title, e.hint, e.fingerprint, e.owner, e.facts::text as facts, e.state, e.seen,
    e.first_seen_at, e.last_seen_at, e.settled_at, e.settled_by,
    s.kind, s.key as stream_key, s.label, s.channel, s.status, s.amount::text as amount, s.currency
from exceptions e join streams s on s.id = e.stream_id
where e.fingerprint = $1 and e.state = 'open' and e.id < $2
order by e.id desc limit $3;

-- name: labels
-- What people call these streams.
select id, kind, key, label from streams where id = any ($1::bigint[]);

-- name: standing
-- How each member of a cause stands: decides what a bulk retry would do. At most $2.
select e.stream_id, e.key, e.class, e.state, s.kind, s.key as stream_key, s.status, s.channel, s.finished_at is not null as finished
from exceptions e join streams s on s.id = e.stream_id
where e.fingerprint = $1 and e.id = any ($3::bigint[])
order by e.id limit $2;

-- name: open_ids
-- The newest $2 open exceptions of one cause: what a preview shows and a confirmation names.
select id from exceptions where fingerprint = $1 and state = 'open' order by id desc limit $2;
