-- oldest: 9
-- Polls of a connection that fail, by name: since when, and why. Empty where all succeed.
alter table connections add column failing_polls jsonb not null default '{}';
