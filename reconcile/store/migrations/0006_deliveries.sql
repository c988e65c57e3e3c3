-- migrate:up
-- What organisations send: stored first, as it came, then read into lines with one outcome each.

CREATE TABLE delivery (
    organisation_id uuid NOT NULL,
    delivery_id uuid NOT NULL DEFAULT gen_random_uuid(),
    reference text NOT NULL,
    format text NOT NULL,
    charset text,
    sent_at timestamptz,
    declared_organisation_oin text,
    complete jsonb NOT NULL DEFAULT '[]',
    state text NOT NULL DEFAULT 'arriving',
    received_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    content_sha256 bytea,
    byte_count bigint NOT NULL DEFAULT 0,
    duplicate_of uuid,
    problem jsonb,
    lines_read integer NOT NULL DEFAULT 0,
    lines_done integer NOT NULL DEFAULT 0,
    applied_count integer NOT NULL DEFAULT 0,
    unchanged_count integer NOT NULL DEFAULT 0,
    superseded_count integer NOT NULL DEFAULT 0,
    parked_count integer NOT NULL DEFAULT 0,
    rejected_count integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    lease_until timestamptz,
    due_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    last_error text,
    finished_at timestamptz,
    CONSTRAINT delivery_pkey PRIMARY KEY (organisation_id, delivery_id),
    CONSTRAINT delivery_organisation_fkey FOREIGN KEY (organisation_id) REFERENCES organisation,
    CONSTRAINT delivery_format_known CHECK (format IN ('json', 'csv')),
    CONSTRAINT delivery_state_known CHECK (state IN ('arriving', 'received', 'reading', 'applying', 'applied', 'unreadable')),
    CONSTRAINT delivery_landed_has_hash CHECK (state = 'arriving' OR octet_length(content_sha256) = 32),
    CONSTRAINT delivery_no_line_vanishes CHECK (
        state <> 'applied'
        OR lines_read = applied_count + unchanged_count + superseded_count + parked_count + rejected_count
    )
);
COMMENT ON TABLE delivery IS 'One file of an organisation (levering), immutable once it landed';
COMMENT ON COLUMN delivery.organisation_id IS 'The organisation';
COMMENT ON COLUMN delivery.delivery_id IS 'Number of the delivery';
COMMENT ON COLUMN delivery.reference IS 'The sender''s own number, also its Idempotency-Key';
COMMENT ON COLUMN delivery.format IS 'json or csv';
COMMENT ON COLUMN delivery.charset IS 'Character set that the sender named, when it named one';
COMMENT ON COLUMN delivery.sent_at IS 'When the sender made it (createdAt)';
COMMENT ON COLUMN delivery.declared_organisation_oin IS 'For whom it says to be, when it says so';
COMMENT ON COLUMN delivery.complete IS 'Months and locations of which the sender says that nothing is missing';
COMMENT ON COLUMN delivery.state IS 'arriving, received, reading, applying, then applied or unreadable';
COMMENT ON COLUMN delivery.received_at IS 'When its last byte landed';
COMMENT ON COLUMN delivery.content_sha256 IS 'SHA-256 of the content, decompressed';
COMMENT ON COLUMN delivery.byte_count IS 'Bytes of the content, decompressed';
COMMENT ON COLUMN delivery.duplicate_of IS 'The delivery that brought the same content before';
COMMENT ON COLUMN delivery.problem IS 'Why it could not be read';
COMMENT ON COLUMN delivery.lines_read IS 'Lines found in it';
COMMENT ON COLUMN delivery.lines_done IS 'Lines that have their outcome';
COMMENT ON COLUMN delivery.applied_count IS 'Lines taken over';
COMMENT ON COLUMN delivery.unchanged_count IS 'Lines that say what was known';
COMMENT ON COLUMN delivery.superseded_count IS 'Lines older than what was known';
COMMENT ON COLUMN delivery.parked_count IS 'Lines that wait for something that the sender can add';
COMMENT ON COLUMN delivery.rejected_count IS 'Lines with a fault';
COMMENT ON COLUMN delivery.attempts IS 'Times that a worker took it up; also the fence against a worker that was thought dead';
COMMENT ON COLUMN delivery.lease_until IS 'Until when a worker holds it';
COMMENT ON COLUMN delivery.due_at IS 'Not to be taken up before';
COMMENT ON COLUMN delivery.last_error IS 'Class of the error that ended the last attempt';
COMMENT ON COLUMN delivery.finished_at IS 'When its last line had its outcome';
CREATE UNIQUE INDEX delivery_reference_once ON delivery (organisation_id, reference) WHERE state <> 'arriving';
CREATE UNIQUE INDEX delivery_content_once ON delivery (organisation_id, content_sha256)
    WHERE state <> 'arriving' AND duplicate_of IS NULL;
CREATE INDEX delivery_open ON delivery (due_at) WHERE state IN ('arriving', 'received', 'reading', 'applying');

CREATE TABLE delivery_chunk (
    organisation_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    chunk_number integer NOT NULL,
    sealed bytea NOT NULL,
    CONSTRAINT delivery_chunk_pkey PRIMARY KEY (organisation_id, delivery_id, chunk_number),
    CONSTRAINT delivery_chunk_delivery_fkey FOREIGN KEY (organisation_id, delivery_id) REFERENCES delivery ON DELETE CASCADE
);
COMMENT ON TABLE delivery_chunk IS 'The content of a delivery in pieces, sealed; removed when the retention ends';
COMMENT ON COLUMN delivery_chunk.organisation_id IS 'The organisation';
COMMENT ON COLUMN delivery_chunk.delivery_id IS 'The delivery';
COMMENT ON COLUMN delivery_chunk.chunk_number IS 'Place of the piece, from 0';
COMMENT ON COLUMN delivery_chunk.sealed IS 'The piece, AES-256-GCM, bound to its place';
-- Sealed bytes do not compress.
ALTER TABLE delivery_chunk ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE TABLE line (
    organisation_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    line_number integer NOT NULL,
    line_ref text,
    outcome text NOT NULL,
    faults jsonb NOT NULL DEFAULT '[]',
    waits_for text,
    parent_id uuid,
    child_id uuid,
    lrk_number text,
    month date,
    hours_hundredths integer,
    hourly_rate_cents integer,
    amount_cents integer,
    end_on date,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    superseded_at timestamptz,
    CONSTRAINT line_pkey PRIMARY KEY (organisation_id, delivery_id, line_number),
    CONSTRAINT line_delivery_fkey FOREIGN KEY (organisation_id, delivery_id) REFERENCES delivery,
    CONSTRAINT line_outcome_known CHECK (outcome IN ('applied', 'unchanged', 'superseded', 'parked', 'rejected')),
    CONSTRAINT line_parked_waits CHECK ((outcome = 'parked') = (waits_for IS NOT NULL)),
    CONSTRAINT line_faulty_says_why CHECK ((outcome IN ('parked', 'rejected')) = (jsonb_array_length(faults) > 0)),
    CONSTRAINT line_good_is_whole CHECK (
        outcome IN ('parked', 'rejected')
        OR num_nonnulls(parent_id, child_id, lrk_number, month, hours_hundredths, hourly_rate_cents) = 6
    )
);
COMMENT ON TABLE line IS 'One child-location-month in a delivery (regel), with the one outcome that judges it alone';
COMMENT ON COLUMN line.organisation_id IS 'The organisation';
COMMENT ON COLUMN line.delivery_id IS 'The delivery';
COMMENT ON COLUMN line.line_number IS 'CSV: line of the file, the heading is 1. JSON: place in lines, from 1';
COMMENT ON COLUMN line.line_ref IS 'The sender''s own mark of the line';
COMMENT ON COLUMN line.outcome IS 'applied, unchanged, superseded, parked or rejected; only parked may still change';
COMMENT ON COLUMN line.faults IS 'Coded faults: code, field and shape of the value, never the value';
COMMENT ON COLUMN line.waits_for IS 'Code of what a parked line waits for';
COMMENT ON COLUMN line.parent_id IS 'The parent that the line names, a person known to TVS or not';
COMMENT ON COLUMN line.child_id IS 'The child that the line names, a person known to TVS or not';
COMMENT ON COLUMN line.lrk_number IS 'The location';
COMMENT ON COLUMN line.month IS 'The month';
COMMENT ON COLUMN line.hours_hundredths IS 'Hours of the month, whole hundredths';
COMMENT ON COLUMN line.hourly_rate_cents IS 'Average hourly rate, cents';
COMMENT ON COLUMN line.amount_cents IS 'Amount of the month, cents, when given';
COMMENT ON COLUMN line.end_on IS 'Last day of the agreement, when given';
COMMENT ON COLUMN line.recorded_at IS 'When the line had its outcome';
COMMENT ON COLUMN line.superseded_at IS 'Since when a newer line says what this organisation reports; empty while this one stands';
-- What an organisation says now of one child, parent, location and month: one standing line.
CREATE UNIQUE INDEX line_one_standing ON line (child_id, lrk_number, month, parent_id, organisation_id)
    WHERE superseded_at IS NULL AND outcome IN ('applied', 'unchanged');

CREATE TABLE completeness (
    organisation_id uuid NOT NULL,
    lrk_number text NOT NULL,
    month date NOT NULL,
    delivery_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    superseded_at timestamptz,
    CONSTRAINT completeness_pkey PRIMARY KEY (organisation_id, lrk_number, month, delivery_id),
    CONSTRAINT completeness_delivery_fkey FOREIGN KEY (organisation_id, delivery_id) REFERENCES delivery,
    CONSTRAINT completeness_location_fkey FOREIGN KEY (lrk_number) REFERENCES location,
    CONSTRAINT completeness_month_is_month CHECK (extract(day FROM month) = 1)
);
COMMENT ON TABLE completeness IS 'That an organisation delivered everything for a location and month: only then a missing line means something';
COMMENT ON COLUMN completeness.organisation_id IS 'The organisation';
COMMENT ON COLUMN completeness.lrk_number IS 'The location';
COMMENT ON COLUMN completeness.month IS 'The month';
COMMENT ON COLUMN completeness.delivery_id IS 'The delivery that said so';
COMMENT ON COLUMN completeness.recorded_at IS 'Known since';
COMMENT ON COLUMN completeness.superseded_at IS 'Known until, empty while it is current';
CREATE INDEX completeness_by_delivery ON completeness (organisation_id, delivery_id);
CREATE INDEX completeness_by_location ON completeness (lrk_number, month) WHERE superseded_at IS NULL;

-- Where lines wait between reading and applying. Unlogged: after a crash of the server the worker reads the delivery again.
-- No row-level security, because COPY FROM refuses it; only kot_intake may touch it, and it holds no BSN, only the keyed index.
CREATE UNLOGGED TABLE line_stage (
    organisation_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    line_number integer NOT NULL,
    line_ref text,
    faults jsonb NOT NULL,
    waits_for text,
    parent_index bytea,
    child_index bytea,
    lrk_number text,
    care_type text,
    month date,
    hours_hundredths integer,
    hourly_rate_cents integer,
    amount_cents integer,
    end_on date,
    parent_id uuid,
    child_id uuid,
    outcome text,
    household_id uuid,
    CONSTRAINT line_stage_pkey PRIMARY KEY (organisation_id, delivery_id, line_number)
);
COMMENT ON TABLE line_stage IS 'Lines between reading and applying; unlogged, rebuilt from the delivery when lost';
COMMENT ON COLUMN line_stage.organisation_id IS 'The organisation';
COMMENT ON COLUMN line_stage.delivery_id IS 'The delivery';
COMMENT ON COLUMN line_stage.line_number IS 'As in line';
COMMENT ON COLUMN line_stage.line_ref IS 'As in line';
COMMENT ON COLUMN line_stage.faults IS 'Faults found so far';
COMMENT ON COLUMN line_stage.waits_for IS 'Code of a gap that the sender can fill';
COMMENT ON COLUMN line_stage.parent_index IS 'Keyed index of the parent''s BSN';
COMMENT ON COLUMN line_stage.child_index IS 'Keyed index of the child''s BSN';
COMMENT ON COLUMN line_stage.lrk_number IS 'As in line';
COMMENT ON COLUMN line_stage.care_type IS 'Care type that the line names, to hold against the register';
COMMENT ON COLUMN line_stage.month IS 'As in line';
COMMENT ON COLUMN line_stage.hours_hundredths IS 'As in line';
COMMENT ON COLUMN line_stage.hourly_rate_cents IS 'As in line';
COMMENT ON COLUMN line_stage.amount_cents IS 'As in line';
COMMENT ON COLUMN line_stage.end_on IS 'As in line';
COMMENT ON COLUMN line_stage.parent_id IS 'The parent, once looked up';
COMMENT ON COLUMN line_stage.child_id IS 'The child, once looked up';
COMMENT ON COLUMN line_stage.outcome IS 'The outcome, once judged';
COMMENT ON COLUMN line_stage.household_id IS 'The one household that the line belongs to, once matched';

CREATE TABLE organisation_audit (
    organisation_id uuid NOT NULL,
    number bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    event jsonb NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT organisation_audit_pkey PRIMARY KEY (organisation_id, number),
    CONSTRAINT organisation_audit_organisation_fkey FOREIGN KEY (organisation_id) REFERENCES organisation,
    CONSTRAINT organisation_audit_chained CHECK (octet_length(hash) = 32)
);
COMMENT ON TABLE organisation_audit IS 'Every delivery that landed and what became of it, chained per organisation';
COMMENT ON COLUMN organisation_audit.organisation_id IS 'The organisation';
COMMENT ON COLUMN organisation_audit.number IS 'Place in the chain, from 1';
COMMENT ON COLUMN organisation_audit.recorded_at IS 'When';
COMMENT ON COLUMN organisation_audit.event IS 'What happened: action, actor and the numbers of what it touched';
COMMENT ON COLUMN organisation_audit.previous_hash IS 'Hash of the row before, empty for the first';
COMMENT ON COLUMN organisation_audit.hash IS 'SHA-256 over the hash before, the number, the instant and the event';
CREATE TRIGGER organisation_audit_is_final BEFORE UPDATE OR DELETE ON organisation_audit FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION own_organisation() RETURNS uuid LANGUAGE sql STABLE
    RETURN nullif(current_setting('app.organisation_id', true), '')::uuid;
COMMENT ON FUNCTION own_organisation IS 'The organisation in whose context this transaction acts, or nothing';

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['delivery', 'delivery_chunk', 'line', 'completeness', 'organisation_audit'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY %I ON %I TO kot_organisation USING (organisation_id = own_organisation()) WITH CHECK (organisation_id = own_organisation())',
            table_name || '_of_organisation', table_name);
        EXECUTE format('CREATE POLICY %I ON %I TO kot_intake USING (true) WITH CHECK (true)', table_name || '_of_intake', table_name);
    END LOOP;
END
$$;
-- What landed is immutable for its sender: only a delivery that is still arriving can be landed or dropped.
CREATE POLICY delivery_landed_stays ON delivery AS RESTRICTIVE FOR UPDATE TO kot_organisation
    USING (state = 'arriving') WITH CHECK (true);
CREATE POLICY delivery_landed_is_not_dropped ON delivery AS RESTRICTIVE FOR DELETE TO kot_organisation USING (state = 'arriving');
CREATE POLICY delivery_chunk_landed_is_not_dropped ON delivery_chunk AS RESTRICTIVE FOR DELETE TO kot_organisation USING (
    EXISTS (
        SELECT FROM delivery
        WHERE delivery.organisation_id = delivery_chunk.organisation_id AND delivery.delivery_id = delivery_chunk.delivery_id
            AND delivery.state = 'arriving'
    )
);
GRANT SELECT, INSERT, DELETE, UPDATE (state, received_at, content_sha256, byte_count, duplicate_of) ON delivery TO kot_organisation;
GRANT SELECT, INSERT, DELETE ON delivery_chunk TO kot_organisation;
CREATE POLICY organisation_audit_of_owner ON organisation_audit FOR SELECT TO kot_owner USING (true);
-- An organisation reads the outcome of its lines, never whether a person is known to us.
GRANT SELECT (organisation_id, delivery_id, line_number, line_ref, outcome, faults, waits_for, lrk_number, month,
    hours_hundredths, hourly_rate_cents, amount_cents, end_on, recorded_at, superseded_at) ON line TO kot_organisation;
GRANT SELECT, INSERT ON organisation_audit TO kot_organisation, kot_intake;
GRANT SELECT, DELETE, UPDATE ON delivery TO kot_intake;
GRANT SELECT, DELETE ON delivery_chunk TO kot_intake;
GRANT SELECT, INSERT, UPDATE (superseded_at) ON line TO kot_intake;
GRANT SELECT, INSERT, UPDATE (superseded_at) ON completeness TO kot_intake;
GRANT SELECT, INSERT, UPDATE, DELETE ON line_stage TO kot_intake;
-- A declaration looks for standing lines about its children.
CREATE POLICY line_of_tvs ON line FOR SELECT TO kot_tvs USING (true);
CREATE POLICY delivery_of_tvs ON delivery FOR SELECT TO kot_tvs USING (true);
GRANT SELECT ON line TO kot_tvs;
GRANT SELECT (organisation_id, delivery_id, sent_at, received_at) ON delivery TO kot_tvs;

-- What organisations say now about the children of these households: the standing lines that exactly one household ties. Two
-- households that both tie parent and child in that month are no match: nothing is shown to either. Built from the household
-- down, step by step (OFFSET 0 keeps the steps), so that its plan never depends on how fresh the statistics of a table are.
CREATE FUNCTION household_reports(wanted uuid[]) RETURNS TABLE (
    household_id uuid, child_id uuid, lrk_number text, month date, organisation_id uuid, delivery_id uuid, line_number integer,
    hours_hundredths integer, hourly_rate_cents integer, end_on date, sent_at timestamptz, received_at timestamptz
) LANGUAGE sql STABLE AS $$
SELECT tie.household_id, line.child_id, line.lrk_number, line.month, line.organisation_id, line.delivery_id, line.line_number,
    line.hours_hundredths, line.hourly_rate_cents, line.end_on, delivery.sent_at, delivery.received_at
FROM unnest(wanted) AS household (household_id)
CROSS JOIN LATERAL (
    SELECT * FROM household_tie WHERE household_tie.household_id = household.household_id OFFSET 0
) AS tie
CROSS JOIN LATERAL (
    SELECT *
    FROM line
    WHERE line.child_id = tie.child_id AND line.parent_id = tie.parent_id
        AND line.superseded_at IS NULL AND line.outcome IN ('applied', 'unchanged')
        AND line.month >= tie.from_month AND (tie.until_month IS NULL OR line.month <= tie.until_month)
    OFFSET 0
) AS line
JOIN delivery ON delivery.organisation_id = line.organisation_id AND delivery.delivery_id = line.delivery_id
WHERE (
    SELECT count(DISTINCT other.household_id)
    FROM household_tie AS other
    WHERE other.parent_id = line.parent_id AND other.child_id = line.child_id
        AND line.month >= other.from_month AND (other.until_month IS NULL OR line.month <= other.until_month)
) = 1
$$;
COMMENT ON FUNCTION household_reports IS 'Standing lines about the children of these households, each with the one household it belongs to';
