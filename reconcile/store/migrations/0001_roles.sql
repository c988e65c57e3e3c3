-- migrate:up
-- Login roles and the schema. Roles belong to the whole server, so that another database of it may have made them already.
-- This is the only migration that runs as the user of DATABASE_URL; all later ones run as kot_owner.

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['kot_owner', 'kot_parent', 'kot_organisation', 'kot_tvs', 'kot_intake', 'kot_forward'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format(
                    'CREATE ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS %s',
                    role_name, CASE role_name WHEN 'kot_owner' THEN 'NOLOGIN' ELSE 'LOGIN' END
                );
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- made by another database of this server at this very moment
            END;
        END IF;
    END LOOP;
    IF NOT pg_has_role(current_user, 'kot_owner', 'MEMBER') THEN
        EXECUTE format('GRANT kot_owner TO %I', current_user);
    END IF;
END
$$;

CREATE SCHEMA kot AUTHORIZATION kot_owner;
GRANT USAGE ON SCHEMA kot TO kot_parent, kot_organisation, kot_tvs, kot_intake, kot_forward;

-- Equality beside ranges in one exclusion constraint: current facts of one placement cannot overlap.
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA kot;

CREATE TABLE kot.schema_migration (
    version text NOT NULL,
    content_sha256 bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT schema_migration_pkey PRIMARY KEY (version)
);
ALTER TABLE kot.schema_migration OWNER TO kot_owner;
COMMENT ON TABLE kot.schema_migration IS 'Migrations that this database has';
COMMENT ON COLUMN kot.schema_migration.version IS 'Name of the file';
COMMENT ON COLUMN kot.schema_migration.content_sha256 IS 'SHA-256 of the file as it was applied: files are never edited afterwards';
COMMENT ON COLUMN kot.schema_migration.applied_at IS 'When';
GRANT SELECT ON kot.schema_migration TO kot_parent, kot_organisation, kot_tvs, kot_intake, kot_forward;
