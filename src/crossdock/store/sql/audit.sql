-- name: lock
-- One writer at a time, so that the chain has no forks.
select pg_advisory_xact_lock(hashtext('crossdock.audit'));

-- name: head
-- The newest link of the chain, and of the next the instant and the detail ($1) as it will be kept: numbers may be
-- written otherwise than they came.
select clock_timestamp() as at, $1::jsonb::text as detail,
       (select hash from audit order by id desc limit 1) as previous;

-- name: append
-- One more link.
insert into audit (at, actor, action, subject, reason, detail, previous, hash)
values ($1, $2, $3, $4, $5, $6::jsonb, $7, $8)
returning id;

-- name: page
-- The chain in order, a page at a time.
select id, at, actor, action, subject, reason, detail::text as detail, previous, hash
from audit where id > $1 order by id limit $2;

-- name: recent
-- The newest acts first.
select id, at, actor, action, subject, reason, detail::text as detail
from audit where id < $1 order by id desc limit $2;
