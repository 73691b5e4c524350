-- name: worked
-- The connection answered as it should.
update connections set last_ok_at = now() where name = $1;

-- name: failed
-- The connection did not; $2 says how.
update connections set last_error_at = now(), last_error = $2 where name = $1;
