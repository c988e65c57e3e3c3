-- migrate:up
-- The rollout: a pilot has stages, a stage has households. Who is drawn depends on a hash of the household's random number alone.

CREATE TABLE pilot (
    pilot_id uuid NOT NULL DEFAULT gen_random_uuid(),
    name text NOT NULL,
    seed text NOT NULL,
    audit_number bigint NOT NULL DEFAULT 0,
    audit_hash bytea NOT NULL DEFAULT '\x',
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT pilot_pkey PRIMARY KEY (pilot_id),
    CONSTRAINT pilot_name_once UNIQUE (name),
    CONSTRAINT pilot_seed_form CHECK (seed ~ '^[0-9a-f]{32}$')
);
COMMENT ON TABLE pilot IS 'A rollout (pilot): households are drawn into its stages, and only they are told';
COMMENT ON COLUMN pilot.pilot_id IS 'Number of the pilot';
COMMENT ON COLUMN pilot.name IS 'Name, for managers';
COMMENT ON COLUMN pilot.seed IS 'Random and public: with it anybody can draw again';
COMMENT ON COLUMN pilot.audit_number IS 'Number of the newest audit row of this pilot';
COMMENT ON COLUMN pilot.audit_hash IS 'Hash of the newest audit row of this pilot';
COMMENT ON COLUMN pilot.recorded_at IS 'When it was made';

CREATE TABLE stage (
    pilot_id uuid NOT NULL,
    stage_number integer NOT NULL,
    size integer NOT NULL,
    mode text NOT NULL,
    state text NOT NULL DEFAULT 'drawn',
    candidate_count integer NOT NULL,
    candidates_sha256 bytea NOT NULL,
    drawn_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    released_at timestamptz,
    paused_at timestamptz,
    announced_until uuid,
    announced_at timestamptz,
    CONSTRAINT stage_pkey PRIMARY KEY (pilot_id, stage_number),
    CONSTRAINT stage_pilot_fkey FOREIGN KEY (pilot_id) REFERENCES pilot,
    CONSTRAINT stage_number_counts CHECK (stage_number > 0),
    CONSTRAINT stage_size_positive CHECK (size > 0),
    CONSTRAINT stage_mode_known CHECK (mode IN ('immediate')),
    CONSTRAINT stage_state_known CHECK (state IN ('drawn', 'released', 'paused')),
    CONSTRAINT stage_released_when CHECK ((state = 'drawn') = (released_at IS NULL)),
    CONSTRAINT stage_paused_when CHECK ((state = 'paused') = (paused_at IS NOT NULL))
);
COMMENT ON TABLE stage IS 'One step of a pilot (opschaling): so many households in all, those of earlier stages among them';
COMMENT ON COLUMN stage.pilot_id IS 'The pilot';
COMMENT ON COLUMN stage.stage_number IS 'Place in the pilot, from 1';
COMMENT ON COLUMN stage.size IS 'Households in this stage and the earlier ones together';
COMMENT ON COLUMN stage.mode IS 'immediate: a difference is told as soon as it is found';
COMMENT ON COLUMN stage.state IS 'drawn, released or paused; only households of a released stage are told';
COMMENT ON COLUMN stage.candidate_count IS 'Households that it was drawn from';
COMMENT ON COLUMN stage.candidates_sha256 IS 'SHA-256 over their numbers in order, one a line: the list that the draw can be repeated from';
COMMENT ON COLUMN stage.drawn_at IS 'When it was drawn';
COMMENT ON COLUMN stage.released_at IS 'When it was last released';
COMMENT ON COLUMN stage.paused_at IS 'When it was paused, empty while it is not';
COMMENT ON COLUMN stage.announced_until IS 'Last household whose open differences were staged since the release';
COMMENT ON COLUMN stage.announced_at IS 'When those of all its households were, empty while some are still to do';

-- No foreign key to household: drawing a stage would hold the lock of every household that it takes, and a tap would wait for it.
-- Households are never removed.
CREATE TABLE enrolment (
    household_id uuid NOT NULL,
    pilot_id uuid NOT NULL,
    stage_number integer NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT enrolment_pkey PRIMARY KEY (household_id),
    CONSTRAINT enrolment_stage_fkey FOREIGN KEY (pilot_id, stage_number) REFERENCES stage
);
COMMENT ON TABLE enrolment IS 'A household in a pilot (deelname), by the stage that first drew it; in one pilot at most';
COMMENT ON COLUMN enrolment.household_id IS 'The household';
COMMENT ON COLUMN enrolment.pilot_id IS 'The pilot';
COMMENT ON COLUMN enrolment.stage_number IS 'The stage that drew it';
COMMENT ON COLUMN enrolment.recorded_at IS 'When';
CREATE INDEX enrolment_by_stage ON enrolment (pilot_id, stage_number, household_id);

CREATE TABLE pilot_audit (
    pilot_id uuid NOT NULL,
    number bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    event jsonb NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT pilot_audit_pkey PRIMARY KEY (pilot_id, number),
    CONSTRAINT pilot_audit_pilot_fkey FOREIGN KEY (pilot_id) REFERENCES pilot,
    CONSTRAINT pilot_audit_chained CHECK (octet_length(hash) = 32)
);
COMMENT ON TABLE pilot_audit IS 'Every step of a pilot: who drew, released or paused what, chained per pilot under its lock';
COMMENT ON COLUMN pilot_audit.pilot_id IS 'The pilot';
COMMENT ON COLUMN pilot_audit.number IS 'Place in the chain, from 1';
COMMENT ON COLUMN pilot_audit.recorded_at IS 'When';
COMMENT ON COLUMN pilot_audit.event IS 'What happened: action, actor and the numbers of what it touched';
COMMENT ON COLUMN pilot_audit.previous_hash IS 'Hash of the row before, empty for the first';
COMMENT ON COLUMN pilot_audit.hash IS 'SHA-256 over the hash before, the number, the instant and the event';
CREATE TRIGGER pilot_audit_is_final BEFORE UPDATE OR DELETE ON pilot_audit FOR EACH ROW EXECUTE FUNCTION refuse_change();

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['pilot', 'stage', 'enrolment', 'pilot_audit'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY %I ON %I TO kot_pilot USING (true) WITH CHECK (true)', table_name || '_of_pilot', table_name);
    END LOOP;
    FOREACH table_name IN ARRAY ARRAY['stage', 'enrolment'] LOOP
        EXECUTE format('CREATE POLICY %I ON %I TO kot_intake USING (true) WITH CHECK (true)', table_name || '_of_intake', table_name);
        EXECUTE format('CREATE POLICY %I ON %I FOR SELECT TO kot_notify USING (true)', table_name || '_of_notify', table_name);
        EXECUTE format('GRANT SELECT ON %I TO kot_intake, kot_notify', table_name);
    END LOOP;
END
$$;
GRANT SELECT, INSERT ON pilot, stage, enrolment, pilot_audit TO kot_pilot;
GRANT UPDATE (audit_number, audit_hash) ON pilot TO kot_pilot;
GRANT UPDATE (state, released_at, paused_at, announced_until, announced_at) ON stage TO kot_pilot;
GRANT UPDATE (announced_until, announced_at) ON stage TO kot_intake;
CREATE POLICY pilot_of_owner ON pilot FOR SELECT TO kot_owner USING (true);
CREATE POLICY pilot_audit_of_owner ON pilot_audit FOR SELECT TO kot_owner USING (true);
-- A manager draws from the numbers of all households, and sees nothing else of them.
CREATE POLICY household_of_pilot ON household FOR SELECT TO kot_pilot USING (true);
GRANT SELECT (household_id, deleted) ON household TO kot_pilot;

-- An idempotency key belongs to whoever sent it, a parent or a manager: what was the person becomes the actor.
ALTER TABLE idempotency_key ADD COLUMN actor text;
DROP POLICY idempotency_key_of_parent ON idempotency_key;
ALTER TABLE idempotency_key NO FORCE ROW LEVEL SECURITY;
UPDATE idempotency_key SET actor = 'parent ' || person_id || '/' || household_id;
ALTER TABLE idempotency_key FORCE ROW LEVEL SECURITY;
ALTER TABLE idempotency_key DROP CONSTRAINT idempotency_key_pkey;
ALTER TABLE idempotency_key ALTER COLUMN actor SET NOT NULL;
ALTER TABLE idempotency_key DROP COLUMN person_id;
ALTER TABLE idempotency_key DROP COLUMN household_id;
ALTER TABLE idempotency_key ADD CONSTRAINT idempotency_key_pkey PRIMARY KEY (actor, key);
COMMENT ON TABLE idempotency_key IS 'A request and what was answered, so that sending it again has no second effect; kept 30 days';
COMMENT ON COLUMN idempotency_key.actor IS 'Whose key, a parent of one household or a manager: a key of somebody else is another key';
CREATE FUNCTION own_actor() RETURNS text LANGUAGE sql STABLE
    RETURN nullif(current_setting('app.actor', true), '');
COMMENT ON FUNCTION own_actor IS 'Who acts in this transaction, or nothing';
CREATE POLICY idempotency_key_of_actor ON idempotency_key TO kot_parent, kot_pilot
    USING (actor = own_actor()) WITH CHECK (actor = own_actor());
GRANT SELECT, INSERT, UPDATE (status, headers, body) ON idempotency_key TO kot_pilot;
GRANT SELECT (actor) ON idempotency_key TO kot_intake;
