-- oldest: 9
-- Until when an account's vendor asked all of us to leave it alone. An older program beside this one does not look.
alter table quotas add column rest_until timestamptz;
