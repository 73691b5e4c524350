-- name: keep
-- Keeps a day close beside the one it replaces; a second one of the same date that replaces none is refused.
insert into certificates (business_date, time_zone, serial, digest, body, list, replaces, made_by)
values ($1, $2, $3, $4, $5, $6, $7, $8) returning id;
