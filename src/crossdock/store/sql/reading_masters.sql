-- name: counts
-- How many masters of each kind are kept of a connection, and how old they are. A customer is kept under several keys.
select m.kind, count(distinct case when m.kind = 'customer' then m.ref else m.key end) as n,
    min(m.as_of) as oldest_at, max(m.as_of) as newest_at
from masters m join connections c on c.id = m.connection_id where c.name = $1 group by m.kind order by m.kind;

-- name: item
-- What is kept of a SKU, by connection: as a product, and what it costs.
select c.name as connection, m.kind, m.body, m.as_of
from masters m join connections c on c.id = m.connection_id
where m.kind in ('product', 'price') and m.key = $1 order by c.name, m.kind;
