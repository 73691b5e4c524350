-- Prices and units of items, and what customers buy by, are masters too. Every row there is has one of the old kinds.
alter table masters drop constraint masters_kind_check;
alter table masters add constraint masters_kind_check
    check (kind in ('product', 'customer', 'price', 'terms')) not valid;
alter table masters validate constraint masters_kind_check;

-- A key may be for a while only.
alter table partner_keys add column expires_at timestamptz;
