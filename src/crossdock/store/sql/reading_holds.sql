-- name: rules
-- Orders that rules hold, by rule, the biggest first; over the newest $1 holds. The words are those of the newest.
select g.fingerprint, g.n, g.oldest_at, g.newest_at, g.also_held, g.channels, e.title, e.owner, e.facts::text as facts
from (
    select h.fingerprint, count(*) as n, min(h.first_seen_at) as oldest_at, max(h.first_seen_at) as newest_at,
        max(h.id) as newest, array_agg(distinct s.channel) filter (where s.channel is not null) as channels,
        count(*) filter (where exists (
            select from exceptions o where o.stream_id = h.stream_id and o.settled_at is null and o.class = 'hold' and o.id <> h.id
        )) as also_held
    from (
        select id, stream_id, fingerprint, first_seen_at from exceptions where state = 'open' and class = 'hold'
        order by id desc limit $1
    ) h join streams s on s.id = h.stream_id
    group by h.fingerprint
) g join exceptions e on e.id = g.newest
order by g.n desc, g.fingerprint;

-- name: standing
-- Orders that one rule ($1) holds and the filter means, in the order they were held: after $2 up to $3, at most $4; of
-- channel $5 or all, held for $6 seconds or more at $7.
select e.id, e.stream_id, e.owner, e.facts::text as facts, s.key, s.channel, s.status,
    (select count(*) from exceptions o where o.stream_id = e.stream_id and o.settled_at is null and o.id <> e.id
        and o.class = 'hold') as other_holds,
    (select count(*) from exceptions o where o.stream_id = e.stream_id and o.settled_at is null and o.class <> 'hold') as problems
from exceptions e join streams s on s.id = e.stream_id
where e.fingerprint = $1 and e.state = 'open' and e.class = 'hold' and e.id > $2 and e.id <= $3
    and ($5::text is null or s.channel = $5)
    and ($6::float8 is null or e.first_seen_at <= $7::timestamptz - make_interval(secs => $6::float8))
order by e.id limit $4;

-- name: at
-- This moment, and the newest exception there is.
select clock_timestamp() as as_of, coalesce((select max(id) from exceptions), 0) as upto;
