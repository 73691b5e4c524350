-- When something of a connection's credentials ends, by its name: {"certificate": "2028-01-31T00:00:00+00:00"}.
alter table connections add column ends jsonb not null default '{}';
