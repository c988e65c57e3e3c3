-- migrate:up
-- A parent's answer, the change that it makes for TVS, and the obligation to forward it: one transaction, never one without the others.

CREATE TABLE acceptance (
    household_id uuid NOT NULL,
    acceptance_id uuid NOT NULL DEFAULT gen_random_uuid(),
    difference_id uuid NOT NULL,
    difference_version bigint NOT NULL,
    person_id uuid NOT NULL,
    change_id uuid NOT NULL,
    answered_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT acceptance_pkey PRIMARY KEY (household_id, acceptance_id),
    CONSTRAINT acceptance_once_per_version UNIQUE (household_id, difference_id, difference_version),
    CONSTRAINT acceptance_change_once UNIQUE (household_id, change_id),
    CONSTRAINT acceptance_version_fkey FOREIGN KEY (household_id, difference_id, difference_version) REFERENCES difference_version
);
COMMENT ON TABLE acceptance IS 'A parent took the organisation''s data over with one tap';
COMMENT ON COLUMN acceptance.household_id IS 'The household';
COMMENT ON COLUMN acceptance.acceptance_id IS 'Number of the acceptance';
COMMENT ON COLUMN acceptance.difference_id IS 'The difference';
COMMENT ON COLUMN acceptance.difference_version IS 'The version that the parent saw: what was shown stands in difference_version';
COMMENT ON COLUMN acceptance.person_id IS 'Applicant or partner who answered';
COMMENT ON COLUMN acceptance.change_id IS 'The change that follows from it';
COMMENT ON COLUMN acceptance.answered_at IS 'When';

CREATE TABLE change (
    household_id uuid NOT NULL,
    change_id uuid NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL DEFAULT false,
    sequence bigint NOT NULL,
    state text NOT NULL DEFAULT 'staged',
    placements jsonb NOT NULL,
    declaration_version bigint,
    reason text,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    sent_at timestamptz,
    settled_at timestamptz,
    CONSTRAINT change_pkey PRIMARY KEY (household_id, change_id),
    CONSTRAINT change_sequence_once UNIQUE (household_id, sequence),
    CONSTRAINT change_state_known CHECK (state IN ('staged', 'sent', 'processed', 'refused', 'dead')),
    CONSTRAINT change_processed_names_version CHECK ((state = 'processed') = (declaration_version IS NOT NULL)),
    CONSTRAINT change_refused_says_why CHECK ((state = 'refused') = (reason IS NOT NULL)),
    CONSTRAINT change_acceptance_fkey FOREIGN KEY (household_id, change_id) REFERENCES acceptance (household_id, change_id)
        DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE change IS 'The report of change (wijziging) that TVS receives';
COMMENT ON COLUMN change.household_id IS 'The household';
COMMENT ON COLUMN change.change_id IS 'Number of the change, the stable key towards TVS';
COMMENT ON COLUMN change.version IS 'Version of the household at which it last changed';
COMMENT ON COLUMN change.deleted IS 'No longer shown: a tombstone for phones';
COMMENT ON COLUMN change.sequence IS 'Order of this household''s changes: TVS may refuse an older one after a newer';
COMMENT ON COLUMN change.state IS 'staged, sent, then processed, refused or dead';
COMMENT ON COLUMN change.placements IS 'Placements with the segments to declare, as the parent accepted them';
COMMENT ON COLUMN change.declaration_version IS 'The declaration version of TVS that holds it';
COMMENT ON COLUMN change.reason IS 'Why TVS refused it';
COMMENT ON COLUMN change.recorded_at IS 'When the parent accepted';
COMMENT ON COLUMN change.sent_at IS 'When TVS took it';
COMMENT ON COLUMN change.settled_at IS 'When TVS processed or refused it';
CREATE INDEX change_by_version ON change (household_id, version);
CREATE INDEX change_by_id ON change (change_id);

ALTER TABLE acceptance ADD CONSTRAINT acceptance_change_fkey
    FOREIGN KEY (household_id, change_id) REFERENCES change DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE overlay_segment ADD CONSTRAINT overlay_segment_change_fkey
    FOREIGN KEY (household_id, change_id) REFERENCES change DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE outbox (
    household_id uuid NOT NULL,
    kind text NOT NULL,
    subject_id uuid NOT NULL,
    sequence bigint NOT NULL,
    state text NOT NULL DEFAULT 'open',
    attempts integer NOT NULL DEFAULT 0,
    lease_until timestamptz,
    due_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    last_error text,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    done_at timestamptz,
    CONSTRAINT outbox_pkey PRIMARY KEY (household_id, kind, subject_id),
    CONSTRAINT outbox_kind_known CHECK (kind IN ('change')),
    CONSTRAINT outbox_state_known CHECK (state IN ('open', 'done', 'refused', 'dead')),
    CONSTRAINT outbox_done_when CHECK ((state = 'open') = (done_at IS NULL)),
    CONSTRAINT outbox_change_fkey FOREIGN KEY (household_id, subject_id) REFERENCES change (household_id, change_id)
        DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE outbox IS 'What must still be sent: written with the change that it announces, claimed by lease, settled with a fence';
COMMENT ON COLUMN outbox.household_id IS 'The household';
COMMENT ON COLUMN outbox.kind IS 'What is sent: change';
COMMENT ON COLUMN outbox.subject_id IS 'Number of what is sent';
COMMENT ON COLUMN outbox.sequence IS 'Order within the household';
COMMENT ON COLUMN outbox.state IS 'open, then done, refused by the receiver, or dead after too long';
COMMENT ON COLUMN outbox.attempts IS 'Times that it was claimed; also the fence for settling';
COMMENT ON COLUMN outbox.lease_until IS 'Until when a worker holds it';
COMMENT ON COLUMN outbox.due_at IS 'Not to be sent before';
COMMENT ON COLUMN outbox.last_error IS 'Class of the last failure, never its content';
COMMENT ON COLUMN outbox.recorded_at IS 'Since when it waits';
COMMENT ON COLUMN outbox.done_at IS 'When it was settled';
CREATE INDEX outbox_open ON outbox (kind, due_at) WHERE state = 'open';
CREATE INDEX outbox_change ON outbox (household_id, subject_id);
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.01);
ALTER TABLE change ADD COLUMN outbox_kind text NOT NULL DEFAULT 'change';
COMMENT ON COLUMN change.outbox_kind IS 'Always change: the other half of the key that ties it to its obligation to be sent';
ALTER TABLE change ADD CONSTRAINT change_outbox_fkey
    FOREIGN KEY (household_id, outbox_kind, change_id) REFERENCES outbox DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE idempotency_key (
    person_id uuid NOT NULL,
    key text NOT NULL,
    household_id uuid NOT NULL,
    fingerprint bytea NOT NULL,
    status smallint,
    headers jsonb,
    body bytea,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT idempotency_key_pkey PRIMARY KEY (person_id, key),
    CONSTRAINT idempotency_key_form CHECK (key ~ '^[A-Za-z0-9_-]{16,64}$')
);
COMMENT ON TABLE idempotency_key IS 'A parent''s request and what was answered, so that sending it again has no second effect; kept 30 days';
COMMENT ON COLUMN idempotency_key.person_id IS 'Whose key: a key of somebody else is another key';
COMMENT ON COLUMN idempotency_key.key IS 'Idempotency-Key of the request';
COMMENT ON COLUMN idempotency_key.household_id IS 'The household that the parent acted for';
COMMENT ON COLUMN idempotency_key.fingerprint IS 'SHA-256 over method, route, If-Match and content';
COMMENT ON COLUMN idempotency_key.status IS 'HTTP status that was answered';
COMMENT ON COLUMN idempotency_key.headers IS 'Headers that were answered and belong to the content';
COMMENT ON COLUMN idempotency_key.body IS 'Body that was answered; it holds no BSN';
COMMENT ON COLUMN idempotency_key.recorded_at IS 'When the request was first handled';
CREATE INDEX idempotency_key_by_age ON idempotency_key (recorded_at);

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['acceptance', 'change', 'outbox'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY %I ON %I TO kot_parent USING (household_id = own_household()) WITH CHECK (household_id = own_household())',
            table_name || '_of_parent', table_name);
        EXECUTE format('CREATE POLICY %I ON %I TO kot_tvs USING (true) WITH CHECK (true)', table_name || '_of_tvs', table_name);
        EXECUTE format('CREATE POLICY %I ON %I TO kot_forward USING (true) WITH CHECK (true)', table_name || '_of_forward', table_name);
        EXECUTE format('GRANT SELECT ON %I TO kot_parent, kot_tvs, kot_forward', table_name);
    END LOOP;
END
$$;
GRANT INSERT ON acceptance, change, outbox TO kot_parent;
GRANT UPDATE (version, state, declaration_version, reason, settled_at) ON change TO kot_tvs;
GRANT UPDATE (version, state, sent_at, reason, settled_at) ON change TO kot_forward;
GRANT UPDATE (state, done_at, lease_until) ON outbox TO kot_tvs;
GRANT UPDATE (state, attempts, lease_until, due_at, last_error, done_at) ON outbox TO kot_forward;

ALTER TABLE idempotency_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_key FORCE ROW LEVEL SECURITY;
CREATE POLICY idempotency_key_of_parent ON idempotency_key TO kot_parent
    USING (person_id = nullif(current_setting('app.person_id', true), '')::uuid)
    WITH CHECK (person_id = nullif(current_setting('app.person_id', true), '')::uuid AND household_id = own_household());
CREATE POLICY idempotency_key_of_intake ON idempotency_key TO kot_intake USING (recorded_at < now() - interval '30 days');
GRANT SELECT, INSERT, UPDATE (status, headers, body) ON idempotency_key TO kot_parent;
GRANT SELECT (person_id, key, recorded_at), DELETE ON idempotency_key TO kot_intake;
