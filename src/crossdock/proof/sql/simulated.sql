-- The database's clock becomes the simulation's: in front of pg_catalog in the search path, these are what the schema's
-- column defaults and the store's statements mean. Each connection is told both instants before it is given work.
create function public.now() returns timestamptz language sql stable parallel safe
    as $$ select current_setting('simulated.now')::timestamptz $$;

create function public.transaction_timestamp() returns timestamptz language sql stable parallel safe
    as $$ select current_setting('simulated.now')::timestamptz $$;

create function public.statement_timestamp() returns timestamptz language sql stable parallel safe
    as $$ select current_setting('simulated.clock')::timestamptz $$;

create function public.clock_timestamp() returns timestamptz language sql volatile parallel safe
    as $$ select current_setting('simulated.clock')::timestamptz $$;

-- A server that started long before anything that happens.
create function public.pg_postmaster_start_time() returns timestamptz language sql stable parallel safe
    as $$ select '2000-01-01 00:00+00'::timestamptz $$;
