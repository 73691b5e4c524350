-- What channel, Crossdock and ERP tell differently of an order, one row for each kind while it stands. First seen it
-- is suspected only: a list may lag behind a write. Seen again after the lag it is open; no longer seen, settled.
create table differences (
    id bigint generated always as identity primary key,
    channel text not null,
    erp text not null,
    order_key text not null check (length(order_key) <= 200),
    kind text not null,
    severity text not null check (severity in ('high', 'medium', 'low')),
    cause text not null,
    expected text not null,
    found text not null,
    explained boolean not null default false,
    repair text not null check (repair in ('read_back', 'book_again', 'ask')),
    state text not null default 'suspected' check (state in ('suspected', 'open', 'settled')),
    looks integer not null default 1,
    repairs integer not null default 0,
    repaired_at timestamptz,
    told text,
    found_at timestamptz not null default now(),
    opened_at timestamptz,
    last_seen_at timestamptz not null default now(),
    settled_at timestamptz,
    check ((state = 'settled') = (settled_at is not null)),
    check (state = 'suspected' or opened_at is not null)
);
-- one of a kind stands for an order
create unique index differences_standing on differences (order_key, kind) where settled_at is null;
-- what the console lists and the day close counts
create index differences_open on differences (id) where state = 'open';
create index differences_settled on differences (settled_at) where settled_at is not null;

-- How reconciliation stands for each route: the newest round, and what it looked at.
create table reconciled_routes (
    channel text primary key,
    erp text not null,
    began_at timestamptz not null,
    ended_at timestamptz not null,
    looked integer not null,
    differing integer not null,
    succeeded_at timestamptz,
    error text
);

-- Day closes, as signed. Never changed: a correction is a new one that names the one it replaces.
create table certificates (
    id bigint generated always as identity primary key,
    business_date date not null,
    time_zone text not null,
    serial text not null unique,
    digest text not null unique,
    body bytea not null,
    list bytea not null,
    replaces bigint unique references certificates (id),
    made_by text not null,
    made_at timestamptz not null default now()
);
-- one chain for each date: whoever closes at the same moment meets the other here, or at replaces
create unique index certificates_first on certificates (business_date) where replaces is null;
create index certificates_date on certificates (business_date, id);

create function certificates_stand() returns trigger language plpgsql as $$
begin
    raise exception 'certificates are never changed or deleted: make a new one that replaces it';
end $$;
create trigger certificates_stand before update or delete on certificates
    for each row execute function certificates_stand();

-- Orders by when they came, for the day close; a range index that costs an insert nothing and no update anything.
create index streams_created on streams using brin (created_at);
