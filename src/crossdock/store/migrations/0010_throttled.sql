-- oldest: 9
-- Since when the target's limit has refused a command, and has given it no other answer. Such a refusal costs no try, so
-- that nothing else tells of one that is repeated for ever.
alter table dispatch add column throttled_at timestamptz;
create index dispatch_throttled on dispatch (connection_id, throttled_at) where throttled_at is not null;
