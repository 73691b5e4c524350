-- oldest: 9
-- A command that is sent again after its period was closed is posted on the first open day: the command itself never changes.
alter table dispatch add column posting_from date;
