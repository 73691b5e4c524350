-- What orders lack among an ERP's masters. A decision replaces a stream's rows; masters that arrive take theirs away and
-- put the streams on the agenda. unread: these masters had not been listed whole yet when the order was looked at.
create table wanted (
    connection_id integer not null,
    kind text not null check (kind in ('product', 'customer')),
    key text not null check (length(key) <= 300),
    stream_id bigint not null,
    unread boolean not null,
    since timestamptz not null default now(),
    primary key (connection_id, kind, key, stream_id)
);
create index wanted_stream on wanted (stream_id);  -- a decision replaces what its stream lacks

-- Which masters of an ERP were listed from beginning to end at least once.
create table listed (
    connection_id integer not null,
    kind text not null check (kind in ('product', 'customer')),
    first_at timestamptz not null default now(),
    last_at timestamptz not null default now(),
    primary key (connection_id, kind)
);

-- Several customers may be kept under one key (an e-mail, a name and postcode): ref tells them apart. What was read before
-- is read again, whole, with what it takes to match buyers.
delete from masters where kind = 'customer';
delete from cursors where name = 'customers';
alter table masters add column ref text not null default '';
alter table masters drop constraint masters_pkey;
alter table masters add primary key (connection_id, kind, key, ref);
create index masters_ref on masters (connection_id, ref) where kind = 'customer';  -- a customer that changed leaves its old keys

-- What systems have to choose from where settings name their ids; read ahead, so that what is not mapped is known before
-- an order needs it.
create table value_lists (
    connection_id integer not null,
    kind text not null,
    code text not null check (length(code) <= 300),
    title text not null,
    as_of timestamptz not null default now(),
    primary key (connection_id, kind, code)
);

create table value_lists_read (
    connection_id integer not null,
    kind text not null,
    as_of timestamptz not null default now(),
    primary key (connection_id, kind)
);

-- One act on many orders: what it was for, how far it is, and on whom, so that it can be taken back.
create table bulk_acts (
    id text primary key check (length(id) between 1 and 100),
    action text not null check (action in ('release_hold')),
    rule text not null,
    actor text not null,
    role text not null,
    reason text not null,
    channel text,
    older_than_s double precision,
    as_of timestamptz not null,
    upto bigint not null,  -- the newest exception that the person was shown
    reached bigint not null default 0,  -- the newest that was dealt with
    told integer not null default 0,
    changed integer not null default 0,
    refused integer not null default 0,
    began_at timestamptz not null default now(),
    finished_at timestamptz,
    undone_by text,
    undone_at timestamptz,
    check ((undone_by is null) = (undone_at is null))
);

create table bulk_members (
    act_id text not null,
    stream_id bigint not null,
    primary key (act_id, stream_id)
);
