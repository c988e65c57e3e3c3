-- migrate:up
-- Telling a parent: the devices of a household, the ledger of notices, and the obligation to push each notice to each device.

CREATE TABLE device (
    household_id uuid NOT NULL,
    device_id uuid NOT NULL,
    person_id uuid NOT NULL,
    platform text NOT NULL,
    token text,
    token_sha256 bytea NOT NULL,
    locale text NOT NULL,
    quiet_from time,
    quiet_until time,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    retired_at timestamptz,
    retired_for text,
    CONSTRAINT device_pkey PRIMARY KEY (household_id, device_id),
    CONSTRAINT device_household_fkey FOREIGN KEY (household_id) REFERENCES household,
    CONSTRAINT device_platform_known CHECK (platform IN ('android', 'ios')),
    CONSTRAINT device_locale_known CHECK (locale IN ('nl', 'en')),
    CONSTRAINT device_quiet_is_whole CHECK ((quiet_from IS NULL) = (quiet_until IS NULL) AND quiet_from <> quiet_until),
    CONSTRAINT device_retired_forgets_token CHECK ((retired_at IS NULL) = (token IS NOT NULL) AND (retired_at IS NULL) = (retired_for IS NULL)),
    CONSTRAINT device_retired_for_known CHECK (retired_for IN ('removed', 'unregistered', 'surplus'))
);
COMMENT ON TABLE device IS 'A phone with the app, as the parent who uses it registered it; who registered a phone last owns it';
COMMENT ON COLUMN device.household_id IS 'The household that the parent acts for';
COMMENT ON COLUMN device.device_id IS 'Number that the app made at its installation';
COMMENT ON COLUMN device.person_id IS 'The parent';
COMMENT ON COLUMN device.platform IS 'android or ios';
COMMENT ON COLUMN device.token IS 'Address at the push service; forgotten when the device is retired';
COMMENT ON COLUMN device.token_sha256 IS 'SHA-256 of the token, by which a phone is known that another parent registers';
COMMENT ON COLUMN device.locale IS 'Language of its notices: nl or en';
COMMENT ON COLUMN device.quiet_from IS 'From this time of day in the Netherlands no notice is pushed';
COMMENT ON COLUMN device.quiet_until IS 'Until this time of day';
COMMENT ON COLUMN device.registered_at IS 'When it was last registered';
COMMENT ON COLUMN device.retired_at IS 'Since when nothing is pushed to it any more';
COMMENT ON COLUMN device.retired_for IS 'removed by the parent, unregistered at the push service, or surplus beside newer ones of the parent';
CREATE INDEX device_by_token ON device (token_sha256, registered_at);
CREATE INDEX device_by_number ON device (device_id, registered_at);

-- When a device that is quiet now may be told, or nothing when it may be told now. The time of day is that of the Netherlands, so
-- that the nights in which the clock changes last an hour less or more.
CREATE FUNCTION quiet_until(instant timestamptz, quiet_from time, quiet_until time) RETURNS timestamptz LANGUAGE sql STABLE
    RETURN CASE
        WHEN quiet_from < quiet_until AND (instant AT TIME ZONE 'Europe/Amsterdam')::time >= quiet_from
            AND (instant AT TIME ZONE 'Europe/Amsterdam')::time < quiet_until
            THEN ((instant AT TIME ZONE 'Europe/Amsterdam')::date + quiet_until) AT TIME ZONE 'Europe/Amsterdam'
        WHEN quiet_from > quiet_until AND (instant AT TIME ZONE 'Europe/Amsterdam')::time >= quiet_from
            THEN ((instant AT TIME ZONE 'Europe/Amsterdam')::date + 1 + quiet_until) AT TIME ZONE 'Europe/Amsterdam'
        WHEN quiet_from > quiet_until AND (instant AT TIME ZONE 'Europe/Amsterdam')::time < quiet_until
            THEN ((instant AT TIME ZONE 'Europe/Amsterdam')::date + quiet_until) AT TIME ZONE 'Europe/Amsterdam'
    END;
COMMENT ON FUNCTION quiet_until IS 'End of the quiet hours that an instant lies in, in the time of the Netherlands; nothing outside them';

-- What decides whether a parent is told about a difference.
ALTER TABLE difference ADD COLUMN weight_cents bigint NOT NULL DEFAULT 0;
ALTER TABLE difference ADD COLUMN is_worth_telling boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN difference.weight_cents IS 'How far the months compared lie apart, in cents of costs: a smaller one is not told again';
COMMENT ON COLUMN difference.is_worth_telling IS 'Whether it has an effect: what has none is shown, never pushed';

CREATE TABLE notice (
    household_id uuid NOT NULL,
    notice_id uuid NOT NULL DEFAULT gen_random_uuid(),
    version bigint NOT NULL,
    deleted boolean NOT NULL DEFAULT false,
    difference_id uuid NOT NULL,
    difference_version bigint NOT NULL,
    content_hash bytea NOT NULL,
    sentence text NOT NULL,
    weight_cents bigint NOT NULL,
    pilot_id uuid NOT NULL,
    stage_number integer NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT notice_pkey PRIMARY KEY (household_id, notice_id),
    CONSTRAINT notice_once_per_version UNIQUE (household_id, difference_id, difference_version),
    CONSTRAINT notice_version_fkey FOREIGN KEY (household_id, difference_id, difference_version) REFERENCES difference_version,
    CONSTRAINT notice_stage_fkey FOREIGN KEY (pilot_id, stage_number) REFERENCES stage,
    CONSTRAINT notice_sentence_known CHECK (sentence IN ('difference-new', 'difference-changed'))
);
COMMENT ON TABLE notice IS 'One message to one household about one version of a difference (bericht): the ledger, written before anything is sent';
COMMENT ON COLUMN notice.household_id IS 'The household';
COMMENT ON COLUMN notice.notice_id IS 'Random number: all that a push carries, beside the key of its sentence';
COMMENT ON COLUMN notice.version IS 'Version of the household at which it last changed';
COMMENT ON COLUMN notice.deleted IS 'Withdrawn before anybody was told: a tombstone for phones';
COMMENT ON COLUMN notice.difference_id IS 'The difference';
COMMENT ON COLUMN notice.difference_version IS 'The version that it tells of';
COMMENT ON COLUMN notice.content_hash IS 'Hash of what the difference says at that version: while it says the same, the notice holds';
COMMENT ON COLUMN notice.sentence IS 'Key of the sentence that the app shows';
COMMENT ON COLUMN notice.weight_cents IS 'Weight of the difference at that version';
COMMENT ON COLUMN notice.pilot_id IS 'The pilot in whose released stage the household was';
COMMENT ON COLUMN notice.stage_number IS 'The stage';
COMMENT ON COLUMN notice.recorded_at IS 'When it was staged';
CREATE INDEX notice_by_version ON notice (household_id, version);
CREATE INDEX notice_by_stage ON notice (pilot_id, stage_number);

CREATE TABLE push (
    household_id uuid NOT NULL,
    push_id uuid NOT NULL DEFAULT gen_random_uuid(),
    notice_id uuid NOT NULL,
    device_id uuid NOT NULL,
    outbox_kind text NOT NULL DEFAULT 'push',
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT push_pkey PRIMARY KEY (household_id, push_id),
    CONSTRAINT push_once_per_device UNIQUE (household_id, notice_id, device_id),
    CONSTRAINT push_notice_fkey FOREIGN KEY (household_id, notice_id) REFERENCES notice,
    CONSTRAINT push_device_fkey FOREIGN KEY (household_id, device_id) REFERENCES device,
    CONSTRAINT push_is_push CHECK (outbox_kind = 'push')
);
COMMENT ON TABLE push IS 'One notice on its way to one device; what became of it stands in the outbox';
COMMENT ON COLUMN push.household_id IS 'The household';
COMMENT ON COLUMN push.push_id IS 'Number of the push';
COMMENT ON COLUMN push.notice_id IS 'The notice';
COMMENT ON COLUMN push.device_id IS 'The device';
COMMENT ON COLUMN push.outbox_kind IS 'Always push: the other half of the key that ties it to its obligation to be sent';
COMMENT ON COLUMN push.recorded_at IS 'When it was staged';
CREATE INDEX push_by_device ON push (household_id, device_id);

-- The outbox takes a second kind. Its subject stays one number, of which each kind has its own foreign key, in both directions.
ALTER TABLE outbox DROP CONSTRAINT outbox_kind_known;
ALTER TABLE outbox ADD CONSTRAINT outbox_kind_known CHECK (kind IN ('change', 'push'));
ALTER TABLE outbox DROP CONSTRAINT outbox_state_known;
ALTER TABLE outbox ADD CONSTRAINT outbox_state_known CHECK (state IN ('open', 'done', 'refused', 'cancelled', 'dead'));
ALTER TABLE outbox DROP CONSTRAINT outbox_change_fkey;
DROP INDEX outbox_change;
ALTER TABLE outbox ADD COLUMN change_id uuid GENERATED ALWAYS AS (CASE kind WHEN 'change' THEN subject_id END) STORED;
ALTER TABLE outbox ADD COLUMN push_id uuid GENERATED ALWAYS AS (CASE kind WHEN 'push' THEN subject_id END) STORED;
ALTER TABLE outbox ADD CONSTRAINT outbox_change_fkey
    FOREIGN KEY (household_id, change_id) REFERENCES change DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE outbox ADD CONSTRAINT outbox_push_fkey
    FOREIGN KEY (household_id, push_id) REFERENCES push DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE push ADD CONSTRAINT push_outbox_fkey
    FOREIGN KEY (household_id, outbox_kind, push_id) REFERENCES outbox DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX outbox_change ON outbox (household_id, change_id) WHERE kind = 'change';
CREATE INDEX outbox_push ON outbox (household_id, push_id) WHERE kind = 'push';
COMMENT ON COLUMN outbox.kind IS 'What is sent: change or push';
COMMENT ON COLUMN outbox.state IS 'open, then done, refused by the receiver, cancelled because it is moot, or dead';
COMMENT ON COLUMN outbox.change_id IS 'The subject, when it is a change';
COMMENT ON COLUMN outbox.push_id IS 'The subject, when it is a push';

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['device', 'notice', 'push'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY %I ON %I TO kot_parent USING (household_id = own_household()) WITH CHECK (household_id = own_household())',
            table_name || '_of_parent', table_name);
        EXECUTE format('CREATE POLICY %I ON %I TO kot_intake USING (true) WITH CHECK (true)', table_name || '_of_intake', table_name);
        EXECUTE format('CREATE POLICY %I ON %I TO kot_notify USING (true) WITH CHECK (true)', table_name || '_of_notify', table_name);
    END LOOP;
END
$$;
-- A parent registers its device, and its answer withdraws what nobody was told yet; a notice itself is staged by intake alone.
GRANT SELECT, INSERT, UPDATE (person_id, platform, token, token_sha256, locale, quiet_from, quiet_until, registered_at, retired_at, retired_for)
    ON device TO kot_parent;
GRANT SELECT (household_id, device_id, person_id, retired_at) ON device TO kot_intake;
GRANT SELECT, UPDATE (token, retired_at, retired_for) ON device TO kot_notify;
GRANT SELECT, UPDATE (version, deleted) ON notice TO kot_parent;
GRANT SELECT, INSERT, UPDATE (version, deleted) ON notice TO kot_intake;
GRANT SELECT ON notice TO kot_notify;
GRANT SELECT ON push TO kot_parent, kot_notify;
GRANT SELECT, INSERT ON push TO kot_intake;
-- Each worker sees its own kind in the outbox; a parent may cancel a push, never a change.
DROP POLICY outbox_of_forward ON outbox;
CREATE POLICY outbox_of_forward ON outbox TO kot_forward USING (kind = 'change') WITH CHECK (kind = 'change');
CREATE POLICY outbox_of_notify ON outbox TO kot_notify USING (kind = 'push') WITH CHECK (kind = 'push');
CREATE POLICY outbox_of_intake ON outbox TO kot_intake USING (kind = 'push') WITH CHECK (kind = 'push');
CREATE POLICY outbox_parent_cancels_pushes ON outbox AS RESTRICTIVE FOR UPDATE TO kot_parent USING (kind = 'push') WITH CHECK (state = 'cancelled');
GRANT UPDATE (state, lease_until, last_error, done_at) ON outbox TO kot_parent;
GRANT SELECT, INSERT, UPDATE (state, lease_until, due_at, last_error, done_at) ON outbox TO kot_intake;
GRANT SELECT, UPDATE (state, attempts, lease_until, due_at, last_error, done_at) ON outbox TO kot_notify;
-- What the sender looks at before each send: the difference is open, and the parent still belongs to the household.
CREATE POLICY difference_of_notify ON difference FOR SELECT TO kot_notify USING (true);
GRANT SELECT (household_id, difference_id, content_hash, state) ON difference TO kot_notify;
CREATE POLICY membership_of_notify ON membership FOR SELECT TO kot_notify USING (true);
GRANT SELECT (household_id, person_id, role, from_month, until_month, superseded_at) ON membership TO kot_notify;
-- A manager reads how many were told, by stage.
CREATE POLICY notice_of_pilot ON notice FOR SELECT TO kot_pilot USING (true);
CREATE POLICY push_of_pilot ON push FOR SELECT TO kot_pilot USING (true);
CREATE POLICY outbox_of_pilot ON outbox FOR SELECT TO kot_pilot USING (kind = 'push');
GRANT SELECT (household_id, notice_id, deleted, pilot_id, stage_number) ON notice TO kot_pilot;
GRANT SELECT (household_id, push_id, notice_id) ON push TO kot_pilot;
GRANT SELECT (household_id, kind, subject_id, push_id, state) ON outbox TO kot_pilot;
