-- migrate:up
-- A line may say which key it replaces: cancel and new in one. And a parked line comes alive by itself when its gap is filled.

ALTER TABLE line
    ADD COLUMN replaced_parent_id uuid,
    ADD COLUMN replaced_child_id uuid,
    ADD COLUMN replaced_lrk_number text,
    ADD COLUMN replaced_month date,
    ADD COLUMN woken_at timestamptz,
    ADD CONSTRAINT line_replaced_is_whole CHECK (num_nonnulls(replaced_parent_id, replaced_child_id, replaced_lrk_number) IN (0, 3));
COMMENT ON COLUMN line.replaced_parent_id IS 'A correction: the parent of what it replaces; empty while the line itself lacks a BSN, and when it is rejected';
COMMENT ON COLUMN line.replaced_child_id IS 'A correction: the child of what it replaces; empty as above';
COMMENT ON COLUMN line.replaced_lrk_number IS 'A correction: the location of what it replaces; empty as above';
COMMENT ON COLUMN line.replaced_month IS 'A correction: the month of what it replaces; empty of any other line, and when it is rejected';
COMMENT ON COLUMN line.woken_at IS 'Since when a line that was parked has its outcome; empty of a line that never waited for another delivery or a BSN';
-- Whether what a line is about was cancelled, asked for every line: few lines are in here.
CREATE INDEX line_replacing ON line (replaced_child_id, replaced_lrk_number, replaced_month, replaced_parent_id)
    WHERE replaced_child_id IS NOT NULL AND withdrawn_at IS NULL;
-- Parked lines that can come alive; one that waits for a BSN and has no mark of its own never does.
CREATE INDEX line_waiting ON line (organisation_id, waits_for, delivery_id, line_number)
    WHERE outcome = 'parked' AND withdrawn_at IS NULL AND (replaced_child_id IS NOT NULL OR line_ref IS NOT NULL);
-- Who else stands on lines with this parent; those with a child are found by line_one_standing and line_stood_before. Lines are applied
-- in the order of their parents, so that this one grows at one end of a batch.
CREATE INDEX line_by_parent ON line (parent_id) WHERE line_ref IS NOT NULL AND outcome IN ('applied', 'unchanged', 'superseded');

GRANT UPDATE (faults, waits_for, parent_id, child_id, woken_at) ON line TO kot_intake;
GRANT SELECT (woken_at) ON line TO kot_organisation;
COMMENT ON COLUMN line.recorded_at IS 'When the line had its first outcome; a parked line waits since then';

ALTER TABLE line_stage
    ADD COLUMN replaced_parent_id uuid,
    ADD COLUMN replaced_child_id uuid,
    ADD COLUMN replaced_lrk_number text,
    ADD COLUMN replaced_month date;
COMMENT ON COLUMN line_stage.replaced_parent_id IS 'A correction: the parent of what it replaces';
COMMENT ON COLUMN line_stage.replaced_child_id IS 'A correction: the child of what it replaces';
COMMENT ON COLUMN line_stage.replaced_lrk_number IS 'A correction: the location of what it replaces';
COMMENT ON COLUMN line_stage.replaced_month IS 'A correction: the month of what it replaces; empty of any other line';
CREATE OR REPLACE VIEW line_stage_form WITH (security_invoker = true) AS SELECT * FROM line_stage WHERE false;
