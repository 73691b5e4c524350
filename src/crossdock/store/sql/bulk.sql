-- name: begin
-- An act on many orders, once: a second request with its id begins nothing.
insert into bulk_acts (id, action, rule, actor, role, reason, channel, older_than_s, as_of, upto)
values ($1, 'release_hold', $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing returning id;

-- name: act
-- How far an act is.
select * from bulk_acts where id = $1;

-- name: recent
-- The newest acts.
select * from bulk_acts order by began_at desc limit $1;

-- name: advance
-- One more lot of it is done. Who was there first counts: two that serve the same act count each lot once.
with moved as (
    update bulk_acts set reached = $3, told = told + $4, changed = changed + $5, refused = refused + $6,
        finished_at = case when $7 then now() end
    where id = $1 and reached = $2 and finished_at is null returning id
)
insert into bulk_members (act_id, stream_id) select m.id, w.id from moved m, unnest($8::bigint[]) as w (id)
on conflict do nothing;

-- name: members
-- Streams that an act told, after $2.
select m.stream_id, s.key, s.channel from bulk_members m join streams s on s.id = m.stream_id
where m.act_id = $1 and m.stream_id > $2 order by m.stream_id limit $3;

-- name: held_now
-- How many of an act's orders its rule holds at this moment, and how many have not heard of it yet.
select count(*) filter (where exists (
    select from exceptions e where e.stream_id = m.stream_id and e.key = $2 and e.settled_at is null
)) as held, count(*) filter (where exists (
    select from agenda a where a.stream_id = m.stream_id
)) as waiting
from bulk_members m where m.act_id = $1;

-- name: undo
-- Takes an act back, once.
update bulk_acts set undone_by = $2, undone_at = now() where id = $1 and undone_at is null returning id;

-- name: forget
-- Acts that are older than $1 days, with their members: they can no longer be taken back.
with old as (delete from bulk_acts where began_at < now() - make_interval(days => $1) returning id)
delete from bulk_members where act_id in (select id from old);
