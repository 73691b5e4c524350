-- The spine: everything an order needs to go through. Names are the project's vocabulary (docs/reference/glossary.md).
-- Hot tables have no foreign keys (they cost 16 to 22 us per order and multixacts); the nightly invariants check references.

create table connections (
    id integer generated always as identity primary key,
    name text not null unique check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    system text not null,
    role text not null,
    region text,
    api_version text not null,
    mapping_version text not null,
    paused_at timestamptz,
    paused_reason text,
    breaker text not null default 'closed' check (breaker in ('closed', 'open', 'half_open')),
    breaker_until timestamptz,
    failures integer not null default 0,
    last_ok_at timestamptz,
    last_error_at timestamptz,
    last_error text,
    check ((paused_at is null) = (paused_reason is null)),
    check (breaker <> 'open' or breaker_until is not null)
);

-- Delivery ids outlive the messages: kept longer than any sender retries.
create table deliveries (
    connection_id integer not null,
    delivery_id text not null check (length(delivery_id) <= 500),
    seen_at timestamptz not null default now(),
    primary key (connection_id, delivery_id)
);
create index deliveries_seen on deliveries using brin (seen_at);  -- finds the old ones; costs inserts nothing

-- Append-only, never updated. Body is zstd (level 1) of the exact bytes; storage external, so that pglz does not try again.
create table messages (
    id bigint generated always as identity,
    received_at timestamptz not null default now(),
    connection_id integer not null,
    stream_id bigint not null,
    source text not null check (source in ('webhook', 'poll', 'api', 'file', 'operator', 'outcome', 'timer', 'tell')),
    topic text not null,
    delivery_id text,
    body bytea not null,
    headers bytea,
    trace text not null default '',
    primary key (id, received_at)
) partition by range (received_at);
alter table messages alter column body set storage external;
create index messages_stream on messages (stream_id, id);

create table streams (
    id bigint generated always as identity primary key,
    kind text not null check (length(kind) <= 40),
    key text not null check (length(key) <= 200),
    version integer not null default 0,
    state bytea,
    status text not null default 'new'
        check (status in ('new', 'open', 'waiting', 'held', 'exception', 'parked', 'done', 'cancelled', 'ignored')),
    step text,
    reason text,
    label text,
    channel text,
    region text,
    amount numeric,
    currency text,
    placed_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    finished_at timestamptz,
    -- what a person must look after; no index may name status, which nearly every decision changes (ADR 0021)
    trouble text not null generated always as (case when status in ('held', 'exception', 'parked') then status else '' end) stored,
    unique (kind, key)
) with (fillfactor = 10);  -- rows begin at 100 bytes and grow to 600 in their place
alter table streams alter column state set storage external;
-- Unfinished streams only: what lists and counts read; a finished stream leaves it for good.
create index streams_unfinished on streams (trouble, id) where finished_at is null;

-- Queue and list of pending messages in one. No primary key: rows leave by DELETE, two indexes serve claim and take.
create table agenda (
    stream_id bigint not null,
    message_id bigint not null,
    priority smallint not null,
    due_at timestamptz not null default now()
) with (fillfactor = 90, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);
create index agenda_due on agenda (priority, due_at);
create index agenda_stream on agenda (stream_id, message_id);

-- Messages of streams that cannot go on, in order, until a person retries.
create table parked (
    stream_id bigint not null,
    message_id bigint not null,
    priority smallint not null,
    parked_at timestamptz not null default now(),
    primary key (stream_id, message_id)
);

create table timers (
    stream_id bigint not null,
    name text not null,
    due_at timestamptz not null,
    primary key (stream_id, name)
);
create index timers_due on timers (due_at);

-- One decision per row: the entries one message led to. State is folded from these.
create table journal (
    stream_id bigint not null,
    version integer not null,
    at timestamptz not null default now(),
    cause bigint not null,
    entries bytea not null,
    actor text not null,
    mapping text not null default '',
    trace text not null default '',
    primary key (stream_id, version, at)
) partition by range (at);
alter table journal alter column entries set storage external;

create table commands (
    id bigint generated always as identity primary key,
    stream_id bigint not null,
    connection_id integer not null,
    purpose text not null,
    key text not null unique check (length(key) <= 400),
    payload bytea not null,
    priority smallint not null default 0,
    trace text not null default '',
    opened_at timestamptz not null default now()
);
alter table commands alter column payload set storage external;
create index commands_stream on commands (stream_id);

create sequence fences cache 32;

-- A command to be sent. Narrow, so that claims and leases stay cheap; gone once the outcome is recorded.
create table dispatch (
    command_id bigint primary key,
    connection_id integer not null,
    state text not null default 'ready' check (state in ('ready', 'leased')),
    priority smallint not null,
    due_at timestamptz not null default now(),
    fence bigint not null default 0,
    tries smallint not null default 0,
    check_first boolean not null default false
) with (fillfactor = 70, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);
-- state leads, so that expired leases have a range of their own and never sort behind the backlog
create index dispatch_due on dispatch (connection_id, state, priority, due_at);

create table attempts (
    id bigint generated always as identity,
    command_id bigint not null,
    fence bigint not null,
    started_at timestamptz not null,
    duration_ms real not null,
    outcome text not null,
    detail text not null default '',
    request bytea,
    response bytea,
    fenced_out boolean not null default false,
    trace text not null default '',
    primary key (id, started_at)
) partition by range (started_at);
alter table attempts alter column request set storage external;
alter table attempts alter column response set storage external;
create index attempts_command on attempts (command_id);

-- Another system's ids of what a stream is about; search by any id reads this.
create table "references" (
    connection_id integer not null,
    type text not null,
    external_id text not null check (length(external_id) <= 300),
    stream_id bigint not null,
    created_at timestamptz not null default now(),
    primary key (stream_id, connection_id, type, external_id)  -- leads with the stream: also what its page reads
);
create index references_external on "references" (lower(external_id) text_pattern_ops);

create table exceptions (
    id bigint generated always as identity primary key,
    stream_id bigint not null,
    key text not null,
    class text not null,
    code text not null,
    title text not null,
    hint text not null,
    fingerprint text not null,
    owner text not null,
    facts jsonb not null default '{}',
    state text not null default 'open' check (state in ('open', 'settled')),
    seen integer not null default 1,
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    settled_at timestamptz,
    settled_by text,
    check ((state = 'settled') = (settled_at is not null))
);
-- its condition differs from the next one's, so that a look-up by stream cannot be served by the wrong one of the two
create unique index exceptions_open on exceptions (stream_id, key) where settled_at is null;
create index exceptions_group on exceptions (fingerprint, id) where state = 'open';
create index exceptions_stream on exceptions (stream_id, id);  -- what an order's page reads
create index exceptions_settled on exceptions (settled_at) where state = 'settled';

create table quotas (
    account text primary key,
    tat timestamptz not null default now()  -- theoretical arrival time: booked ahead of the clock
);

create table slots (
    account text not null,
    worker text not null,
    wanted integer not null,  -- so that each is given a fair share, and a newcomer is seen
    held integer not null,
    until timestamptz not null,
    primary key (account, worker)
);

create table masters (
    connection_id integer not null,
    kind text not null check (kind in ('product', 'customer')),
    key text not null,
    body bytea not null,
    as_of timestamptz not null default now(),
    primary key (connection_id, kind, key)
);

create table cursors (
    connection_id integer not null,
    name text not null,
    value text not null,
    saved_at timestamptz not null default now(),
    primary key (connection_id, name)
);

-- People who may sign in to the console, and their sessions.
create table users (
    id integer generated always as identity primary key,
    name text not null unique,
    role text not null check (role in ('viewer', 'customer_service', 'operator', 'integrator', 'admin')),
    password_hash text,
    failed integer not null default 0,
    locked_until timestamptz,
    created_at timestamptz not null default now()
);

create table sessions (
    token_hash bytea primary key,
    user_id integer not null references users (id) on delete cascade,
    csrf text not null,
    created_at timestamptz not null default now(),
    seen_at timestamptz not null default now()
);

create table setup_links (
    token_hash bytea primary key,
    role text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz
);

-- Who did what, chained by hash so that a change shows.
create table audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    actor text not null,
    action text not null,
    subject text not null,
    reason text not null default '',
    detail jsonb not null default '{}',
    previous bytea not null,
    hash bytea not null
);

-- What each serving process says of itself: health page and metrics read it.
create table workers (
    id text primary key,
    host text not null,
    pid integer not null,
    roles text not null,
    version text not null,
    started_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    figures jsonb not null default '{}'
);
