-- name: page
-- Settlements below id $1, newest first, of channel $2 or all; served by the index of settlements alone.
select id, kind, key, label, channel, region, status, step, reason, amount::text as amount, currency, placed_at,
    created_at, updated_at, finished_at
from streams
where kind = 'settlement' and id < $1 and ($2::text is null or channel = $2)
order by id desc limit $3;

-- name: named
-- The settlement of key $1, or the newest that its source calls $1.
select id from streams where kind = 'settlement' and (key = $1 or label = $1) order by key = $1 desc, id desc limit 1;
