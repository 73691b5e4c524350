-- name: bounds
-- Every partition of the tables $1 with its bounds as instants, whatever the session's time zone; in order.
select p.relname as parent, c.relname as name, bound[1]::timestamptz as starts, bound[2]::timestamptz as ends
from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.+)''\) TO \(''(.+)''\)') as bound
where i.inhparent = any ($1::text[]::regclass[]) and bound is not null
order by parent, starts;
