-- What is there and what is promised, for lists, counts and the invariants. A SKU's stream is what decides; these rows are
-- written with its decisions. No foreign keys on hot tables.

create table stock (
    sku text not null check (length(sku) <= 200),
    place text not null check (length(place) <= 300),  -- connection/location
    on_hand numeric not null,
    committed numeric not null,
    as_of timestamptz not null,
    primary key (sku, place)
);

create table reservations (
    sku text not null check (length(sku) <= 200),
    order_key text not null check (length(order_key) <= 200),
    channel text not null,
    quantity numeric not null check (quantity >= 0),
    reserved_at timestamptz not null default now(),
    committed_at timestamptz,  -- since when the ERP has the order; its positions may not show it yet
    primary key (sku, order_key)
);
create index reservations_order on reservations (order_key);  -- what an order's page reads
