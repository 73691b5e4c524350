-- name: make_link
-- A one-time link that lets somebody set up an account.
insert into setup_links (token_hash, role, expires_at)
values ($1, $2, now() + make_interval(secs => $3));

-- name: use_link
-- Use a link up; no row: unknown, used or over.
update setup_links set used_at = now()
where token_hash = $1 and used_at is null and expires_at > now()
returning role;

-- name: link_role
-- Whether a link can still be used, and for which role.
select role from setup_links where token_hash = $1 and used_at is null and expires_at > now();

-- name: add
-- A new account; no row: the name is taken.
insert into users (name, role, password_hash) values ($1, $2, $3)
on conflict (name) do nothing
returning id, name, role;

-- name: set_password
-- A new password, which also ends a lockout.
update users set password_hash = $2, failed = 0, locked_until = null where name = $1
returning id, name, role;

-- name: set_role
-- A new role.
update users set role = $2 where name = $1 returning id, name, role;

-- name: remove
-- Take an account away, and its sessions with it.
delete from users where name = $1 returning id, name, role;

-- name: list
-- All accounts.
select id, name, role, password_hash is not null as has_password,
       coalesce(locked_until > now(), false) as locked, created_at
from users order by name;

-- name: for_sign_in
-- What signing in needs to know of an account.
select id, name, role, password_hash, coalesce(locked_until > now(), false) as locked from users where name = $1;

-- name: count_failure
-- Count a wrong password; the tenth locks the account for a while and starts the count anew.
update users set
    failed = case when failed + 1 >= $2 then 0 else failed + 1 end,
    locked_until = case when failed + 1 >= $2 then now() + make_interval(secs => $3) else locked_until end
where id = $1
returning locked_until > now() as locked;

-- name: forgive
-- Signed in: the count of wrong passwords starts anew; no row: the account was locked while the password was checked.
update users set failed = 0, locked_until = null
where id = $1 and (locked_until is null or locked_until <= now()) returning id;

-- name: open_session
-- A session, and old ones swept away.
with swept as (
    delete from sessions
    where seen_at < now() - make_interval(secs => $4) or created_at < now() - make_interval(secs => $5)
)
insert into sessions (token_hash, user_id, csrf) values ($1, $2, $3);

-- name: session
-- The person behind a session that has neither idled nor lived too long.
select u.id, u.name, u.role, s.csrf
from sessions s join users u on u.id = s.user_id
where s.token_hash = $1
  and s.seen_at > now() - make_interval(secs => $2) and s.created_at > now() - make_interval(secs => $3);

-- name: use_session
-- The same, and it was used: its idle time starts anew.
update sessions s set seen_at = now()
from users u
where s.token_hash = $1 and u.id = s.user_id
  and s.seen_at > now() - make_interval(secs => $2) and s.created_at > now() - make_interval(secs => $3)
returning u.id, u.name, u.role, s.csrf;

-- name: close_session
-- Sign out here.
delete from sessions where token_hash = $1;

-- name: close_sessions
-- Sign out everywhere.
delete from sessions where user_id = $1;
