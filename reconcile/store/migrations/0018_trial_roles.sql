-- migrate:up
-- One more login: organisations that try a delivery. As in 0001, the user of DATABASE_URL makes it.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'kot_trial') THEN
        BEGIN
            CREATE ROLE kot_trial NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS LOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- made by another database of this server at this very moment
        END;
    END IF;
    -- A trial works on tables of its own, which end with it.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO kot_trial', current_database());
END
$$;

GRANT USAGE ON SCHEMA kot TO kot_trial;
GRANT SELECT ON kot.schema_migration TO kot_trial;
