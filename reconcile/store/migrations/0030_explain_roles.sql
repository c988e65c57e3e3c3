-- migrate:up
-- One more login: who explains a difference years later, and proves that what is stored follows from the facts. As in 0001, the user of
-- DATABASE_URL makes it.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'kot_explain') THEN
        BEGIN
            CREATE ROLE kot_explain NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS LOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- made by another database of this server at this very moment
        END;
    END IF;
END
$$;

GRANT USAGE ON SCHEMA kot TO kot_explain;
GRANT SELECT ON kot.schema_migration TO kot_explain;
