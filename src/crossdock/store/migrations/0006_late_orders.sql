-- The list of late orders reads this: open exceptions of the class promise, and no others.
create index exceptions_late on exceptions (stream_id) where class = 'promise' and settled_at is null;
