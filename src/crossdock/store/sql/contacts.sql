-- name: worked
-- The connection answered as it should. All workers together write it once a second.
update connections set last_ok_at = now()
where name = $1 and (last_ok_at is null or last_ok_at < now() - interval '1 second');

-- name: failed
-- The connection did not; $2 says how. The same trouble is written once a second, a new one at once.
update connections set last_error_at = now(), last_error = $2
where name = $1 and (last_error_at is null or last_error_at < now() - interval '1 second' or last_error <> $2);

-- name: polled
-- A poll ($2) of the connection ended: with error $3, or well. Since when it has failed stays.
update connections set failing_polls = case when $3::text is null then failing_polls - $2::text else jsonb_set(
    failing_polls, array[$2::text],
    jsonb_build_object('since', coalesce(failing_polls #> array[$2::text, 'since'], to_jsonb(now())), 'error', $3::text)
) end
where name = $1 and ($3::text is not null or failing_polls ? $2::text);

-- name: ends
-- When the connection's credentials end, by name; written when it changed.
update connections set ends = $2::text::jsonb where name = $1 and ends <> $2::text::jsonb;
