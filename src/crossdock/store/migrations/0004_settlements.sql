-- Settlements are few among very many orders: their list must not walk through the orders'. Only their own rows pay for it.
create index streams_settlements on streams (id) where kind = 'settlement';
