-- migrate:up
-- Trials: what a delivery would come to, told without keeping anything. And sandbox organisations, whose deliveries reach no household.

ALTER TABLE organisation
    ADD COLUMN is_sandbox boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT organisation_sandbox_has_a_test_oin CHECK (NOT is_sandbox OR oin LIKE '00000099%');
COMMENT ON COLUMN organisation.is_sandbox IS 'Made up to try things: its lines name people of a world of their own, so that they reach no household';

-- The columns of the stage, for a table of the same form that belongs to one trial alone: a trial never sees the stage itself.
CREATE VIEW line_stage_form WITH (security_invoker = true) AS SELECT * FROM line_stage WHERE false;
COMMENT ON VIEW line_stage_form IS 'The form of the stage, never a row: what a trial makes its own stage of';

-- What stands of the caller's own lines, what it delivered before, and under which number a person is known; nothing can be written.
-- Compared as text, so that no index that begins with the organisation serves it: a trial looks for lines by what they are about.
CREATE POLICY line_of_trial ON line FOR SELECT TO kot_trial USING (organisation_id::text = own_organisation()::text);
CREATE POLICY delivery_of_trial ON delivery FOR SELECT TO kot_trial USING (organisation_id = own_organisation());
CREATE POLICY person_of_trial ON person FOR SELECT TO kot_trial USING (true);
GRANT SELECT ON line_stage_form, line, organisation, location, location_holding TO kot_trial;
GRANT SELECT (organisation_id, delivery_id, reference, format, charset, state, content_sha256, duplicate_of, sent_at, received_at)
    ON delivery TO kot_trial;
GRANT SELECT (bsn_index, person_id) ON person TO kot_trial;
