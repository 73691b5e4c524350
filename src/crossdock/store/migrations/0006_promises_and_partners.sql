-- The list of late orders reads this: open exceptions of the class promise, and no others.
create index exceptions_late on exceptions (stream_id) where class = 'promise' and settled_at is null;

-- Keys of programs that may use the partner API. The key itself is 256 random bits and is stored only as its SHA-256:
-- nothing that slows guessing is needed where nothing can be guessed, and every request pays for it.
create table partner_keys (
    id integer generated always as identity primary key,
    connection_id integer not null,
    name text not null check (length(name) between 1 and 80),
    scopes text[] not null,
    key_hash bytea not null unique,
    created_at timestamptz not null default now(),
    revoked_at timestamptz
);
create unique index partner_keys_name on partner_keys (connection_id, name) where revoked_at is null;
