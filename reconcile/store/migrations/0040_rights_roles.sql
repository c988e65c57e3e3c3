-- migrate:up
-- Tables that end with a connection are made by trials alone, as migration 0018 meant it: PostgreSQL gives that right to everybody.

DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END
$$;
