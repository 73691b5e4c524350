-- oldest: 9
-- Which PostgreSQL serves this database. When it is another one than before, the database was restored or a standby took
-- over: it may have lost time, and what it sent in that time. Until ``doubted_until``, first sends look before they write.
create table origin (
    only_one boolean primary key default true check (only_one),
    system_identifier bigint not null,
    timeline integer not null,
    restored_at timestamptz,
    doubted_until timestamptz,
    check ((restored_at is null) = (doubted_until is null))
);
