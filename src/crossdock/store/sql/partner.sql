-- name: make_key
-- A new key of a connection; no row: there is no such connection, or the name is taken there.
insert into partner_keys (connection_id, name, scopes, key_hash, expires_at)
select id, $2, $3, $4, now() + make_interval(days => $5) from connections where name = $1
on conflict (connection_id, name) where revoked_at is null do nothing
returning id;

-- name: key
-- Whom a key belongs to; no row: unknown, revoked or run out.
select k.name, c.name as connection, k.scopes
from partner_keys k join connections c on c.id = k.connection_id 
where k.key_hash = $1 and k.revoked_at is null and (k.expires_at is null or k.expires_at > now());

-- name: keys
-- All keys, without what opens the door.
select k.id, c.name as connection, k.name, k.scopes, k.created_at, k.expires_at, k.revoked_at,
    case when k.revoked_at is not null then 'revoked' when k.expires_at <= now() then 'expired' else 'open' end as state
from partner_keys k join connections c on c.id = k.connection_id order by c.name, k.name, k.id;

-- name: revoke
-- Take a key away; no row: there is none of that name that still opens.
update partner_keys k set revoked_at = now() from connections c
where c.id = k.connection_id and c.name = $1 and k.name = $2 and k.revoked_at is null returning k.id;

-- name: revoke_one
-- The same by its number.
update partner_keys k set revoked_at = now() from connections c
where c.id = k.connection_id and k.id = $1 and k.revoked_at is null returning c.name as connection, k.name;

-- name: order
-- One order of a connection as it stands; its channel is known once it was decided on.
select id, status, step, reason, version, state from streams
where kind = 'order' and key = $1 and (channel is null or channel = $2);

-- name: problems
-- What of it waits for a person.
select code, title from exceptions where stream_id = $1 and settled_at is null order by id limit 20;

-- name: kept
-- The body of an order's message by its delivery id: what an idempotency key was first used with.
select m.body from streams s join messages m on m.stream_id = s.id
where s.kind = 'order' and s.key = $1 and m.delivery_id = $2 order by m.id limit 1;

-- name: masters
-- Masters of a connection as last read, by key.
select m.key, m.body, m.as_of from connections c join masters m on m.connection_id = c.id
where c.name = $1 and m.kind = $2 and m.key = any ($3::text[]);

-- name: stocks
-- What is known of some SKUs' stock.
select key, state from streams where kind = 'stock' and version > 0 and key = any ($1::text[]);

-- name: now
-- The database's clock, which ages are told by.
select now();

-- name: source
-- Whether a connection can be asked at all, and when poll $2 (null: any) last read from it.
select c.breaker, c.paused_at is not null as paused,
    (select max(saved_at) from cursors k where k.connection_id = c.id and ($2::text is null or k.name = $2))
        as read_at, now() as now
from connections c where c.name = $1;

-- name: state
-- What is known of one order.
select state from streams where kind = 'order' and key = $1;

-- name: undecided
-- Messages of a topic that wait for an order's decider, parked ones too.
select m.body from streams s join messages m on m.stream_id = s.id
where s.kind = 'order' and s.key = $1 and m.topic = $2
    and (exists (select from agenda a where a.stream_id = s.id and a.message_id = m.id)
        or exists (select from parked p where p.stream_id = s.id and p.message_id = m.id))
limit 200;
