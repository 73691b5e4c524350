-- oldest: 9
-- Of an account with one slot: who gives it back after one call, and since when a worker without it has waited.
alter table slots
    add column passes boolean not null default false,
    add column since timestamptz not null default clock_timestamp();
