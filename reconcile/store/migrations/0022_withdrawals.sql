-- migrate:up
-- An organisation takes a delivery back, or lines of it: what stood before stands again.

ALTER TABLE delivery DROP CONSTRAINT delivery_state_known;
ALTER TABLE delivery ADD CONSTRAINT delivery_state_known CHECK (
    state IN ('arriving', 'received', 'reading', 'applying', 'applied', 'unreadable', 'withdrawing', 'withdrawing-lines', 'withdrawn')
);
ALTER TABLE delivery ADD COLUMN withdrawn_count integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN delivery.state IS 'arriving, received, reading, applying, then applied or unreadable; withdrawing or withdrawing-lines, then withdrawn or applied';
COMMENT ON COLUMN delivery.withdrawn_count IS 'Lines that its sender took back, whatever their outcome was';
DROP INDEX delivery_open;
CREATE INDEX delivery_open ON delivery (due_at)
    WHERE state IN ('arriving', 'received', 'reading', 'applying', 'withdrawing', 'withdrawing-lines');
-- What was withdrawn can be delivered again, with the very same content.
DROP INDEX delivery_content_once;
CREATE UNIQUE INDEX delivery_content_once ON delivery (organisation_id, content_sha256)
    WHERE state NOT IN ('arriving', 'withdrawing', 'withdrawn') AND duplicate_of IS NULL;

ALTER TABLE line ADD COLUMN withdrawn_at timestamptz;
COMMENT ON COLUMN line.withdrawn_at IS 'Since when its sender takes it back; empty while it does not';
-- Where a line that stood before is found again; lines that stand are in line_one_standing.
CREATE INDEX line_stood_before ON line (child_id, lrk_number, month, organisation_id)
    WHERE superseded_at IS NOT NULL AND outcome IN ('applied', 'unchanged', 'superseded');

CREATE TABLE withdrawal (
    organisation_id uuid NOT NULL,
    withdrawal_id uuid NOT NULL DEFAULT gen_random_uuid(),
    delivery_id uuid NOT NULL,
    line_numbers integer[],
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    finished_at timestamptz,
    CONSTRAINT withdrawal_pkey PRIMARY KEY (organisation_id, withdrawal_id),
    CONSTRAINT withdrawal_delivery_fkey FOREIGN KEY (organisation_id, delivery_id) REFERENCES delivery,
    CONSTRAINT withdrawal_names_lines CHECK (line_numbers <> '{}')
);
COMMENT ON TABLE withdrawal IS 'That an organisation takes a delivery back, or lines of it (intrekking); a worker carries it out';
COMMENT ON COLUMN withdrawal.organisation_id IS 'The organisation';
COMMENT ON COLUMN withdrawal.withdrawal_id IS 'Number of the withdrawal';
COMMENT ON COLUMN withdrawal.delivery_id IS 'The delivery';
COMMENT ON COLUMN withdrawal.line_numbers IS 'The lines, empty for all of them';
COMMENT ON COLUMN withdrawal.recorded_at IS 'When it was asked';
COMMENT ON COLUMN withdrawal.finished_at IS 'When it was carried out';
CREATE UNIQUE INDEX withdrawal_one_open ON withdrawal (organisation_id, delivery_id) WHERE finished_at IS NULL;
CREATE INDEX withdrawal_by_delivery ON withdrawal (organisation_id, delivery_id);

ALTER TABLE withdrawal ENABLE ROW LEVEL SECURITY;
ALTER TABLE withdrawal FORCE ROW LEVEL SECURITY;
CREATE POLICY withdrawal_of_organisation ON withdrawal TO kot_organisation
    USING (organisation_id = own_organisation()) WITH CHECK (organisation_id = own_organisation());
CREATE POLICY withdrawal_of_intake ON withdrawal TO kot_intake USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON withdrawal TO kot_organisation;
GRANT SELECT, UPDATE (finished_at) ON withdrawal TO kot_intake;
GRANT SELECT (withdrawn_at) ON line TO kot_organisation;
-- Of a line that was superseded by what is now withdrawn, the outcome becomes applied: it says what is known.
GRANT UPDATE (withdrawn_at, outcome) ON line TO kot_intake;
