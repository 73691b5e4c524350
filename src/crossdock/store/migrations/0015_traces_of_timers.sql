-- oldest: 9
-- What set an alarm: the trace context of that decision, so that what the alarm leads to is linked to what led to it.
alter table timers add column trace text not null default '';
