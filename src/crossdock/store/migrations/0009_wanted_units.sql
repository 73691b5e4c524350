-- Orders are woken by the units of items too, which are read with prices.
alter table wanted drop constraint wanted_kind_check;
alter table wanted add constraint wanted_kind_check check (kind in ('product', 'customer', 'price')) not valid;
alter table wanted validate constraint wanted_kind_check;
alter table listed drop constraint listed_kind_check;
alter table listed add constraint listed_kind_check check (kind in ('product', 'customer', 'price')) not valid;
alter table listed validate constraint listed_kind_check;
