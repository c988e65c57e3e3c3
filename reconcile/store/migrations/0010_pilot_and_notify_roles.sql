-- migrate:up
-- Two more logins: pilot managers over the API, and the worker that sends notices. As in 0001, the user of DATABASE_URL makes them.

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['kot_pilot', 'kot_notify'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS LOGIN', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- made by another database of this server at this very moment
            END;
        END IF;
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA kot TO kot_pilot, kot_notify;
GRANT SELECT ON kot.schema_migration TO kot_pilot, kot_notify;
