-- migrate:up
-- Dispute and postponement (ADR 0033): what a parent passes on to an organisation, what is asked again on its day.

-- What is postponed is judged on as what is open.
CREATE OR REPLACE FUNCTION reported_child_years(household_ids uuid[]) RETURNS TABLE (household_id uuid, child_id uuid, year smallint)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT placement.household_id, placement.child_id, extract(year FROM reported.month)::smallint
    FROM placement
    JOIN reported_hours AS reported USING (household_id, placement_id)
    WHERE placement.household_id = ANY (household_ids)
    UNION
    SELECT difference.household_id, difference.child_id, difference.year
    FROM difference
    WHERE difference.household_id = ANY (household_ids) AND difference.state IN ('open', 'postponed');
END;

-- Other answers have no change: the one that is shown is that of the newest acceptance.
CREATE OR REPLACE VIEW shown_difference WITH (security_invoker = true) AS
SELECT
    difference.household_id, difference.difference_id, difference.version, difference.deleted, difference.state, difference.kind,
    difference.year, difference.child_id,
    (
        SELECT membership.given_name
        FROM membership
        WHERE membership.household_id = difference.household_id AND membership.person_id = difference.child_id
        ORDER BY membership.superseded_at DESC NULLS FIRST, membership.from_month DESC
        LIMIT 1
    ) AS child_given_name,
    difference.proposal, difference.route, difference.explanation, difference.effect, difference.rules_version,
    difference.judged_at, difference.opened_at, difference.closed_at,
    (
        SELECT answer.change_id
        FROM answer
        WHERE answer.household_id = difference.household_id AND answer.difference_id = difference.difference_id
            AND answer.kind = 'acceptance'
        ORDER BY answer.difference_version DESC
        LIMIT 1
    ) AS change_id,
    difference.texts, difference.text_version
FROM difference;

-- Of a difference at most one dispute or postponement stands.
CREATE UNIQUE INDEX answer_one_standing ON answer (household_id, difference_id)
    WHERE kind IN ('dispute', 'postponement') AND ended_at IS NULL;
-- What is due again is looked for every few seconds, over all households.
CREATE INDEX answer_postponed_until ON answer (until_on, household_id) WHERE kind = 'postponement' AND ended_at IS NULL;
ALTER TABLE answer ADD CONSTRAINT answer_taken_back_is_over CHECK (NOT deleted OR ended_at IS NOT NULL);
-- The judgement ends a postponement, and so does its day.
CREATE POLICY answer_ended_by_intake ON answer FOR UPDATE TO kot_intake USING (true) WITH CHECK (true);
GRANT UPDATE (version, ended_at) ON answer TO kot_intake;
-- What a parent wrote is for the household, and for the organisation that it was passed on to: nobody else reads it.
REVOKE SELECT ON answer FROM kot_tvs, kot_forward, kot_intake, kot_explain;
GRANT SELECT (household_id, answer_id, difference_id, difference_version, person_id, change_id, answered_at, kind, version, deleted, reason,
    is_passed_on, until_on, undone_change_id, ended_at) ON answer TO kot_tvs, kot_forward, kot_intake, kot_explain;

-- On its day a difference is told again.
ALTER TABLE notice DROP CONSTRAINT notice_sentence_known;
ALTER TABLE notice ADD CONSTRAINT notice_sentence_known CHECK (sentence IN ('difference-new', 'difference-changed', 'difference-again'));

CREATE TABLE disputed_line (
    organisation_id uuid NOT NULL,
    disputed_line_id uuid NOT NULL DEFAULT gen_random_uuid(),
    delivery_id uuid NOT NULL,
    line_number integer NOT NULL,
    answer_id uuid NOT NULL,
    reason text NOT NULL,
    note text,
    disputed_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    changed_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    taken_back_at timestamptz,
    CONSTRAINT disputed_line_pkey PRIMARY KEY (organisation_id, disputed_line_id),
    CONSTRAINT disputed_line_once UNIQUE (organisation_id, delivery_id, line_number, answer_id),
    CONSTRAINT disputed_line_line_fkey FOREIGN KEY (organisation_id, delivery_id, line_number) REFERENCES line,
    CONSTRAINT disputed_line_taken_back_forgets_note CHECK (taken_back_at IS NULL OR note IS NULL)
);
COMMENT ON TABLE disputed_line IS 'A line that a parent says is wrong, and asked us to pass on to the organisation that sent it';
COMMENT ON COLUMN disputed_line.organisation_id IS 'Who sent the line';
COMMENT ON COLUMN disputed_line.disputed_line_id IS 'Random number, for reading page by page';
COMMENT ON COLUMN disputed_line.delivery_id IS 'In which delivery';
COMMENT ON COLUMN disputed_line.line_number IS 'Which line of it';
COMMENT ON COLUMN disputed_line.answer_id IS 'The dispute; the organisation does not see which lines are of one';
COMMENT ON COLUMN disputed_line.reason IS 'Why, one of the published reasons';
COMMENT ON COLUMN disputed_line.note IS 'What the parent adds; forgotten when it is taken back';
COMMENT ON COLUMN disputed_line.disputed_at IS 'When it was first passed on';
COMMENT ON COLUMN disputed_line.changed_at IS 'When it last changed';
COMMENT ON COLUMN disputed_line.taken_back_at IS 'When the parent took the dispute back, or no longer wants it passed on; empty while it stands';
CREATE INDEX disputed_line_by_change ON disputed_line (organisation_id, changed_at, disputed_line_id);
CREATE INDEX disputed_line_by_answer ON disputed_line (answer_id);

ALTER TABLE disputed_line ENABLE ROW LEVEL SECURITY;
ALTER TABLE disputed_line FORCE ROW LEVEL SECURITY;
-- A household writes only of its own disputes, and only about lines that reached it.
CREATE POLICY disputed_line_of_parent ON disputed_line TO kot_parent
    USING (EXISTS (
        SELECT FROM answer WHERE answer.household_id = own_household() AND answer.answer_id = disputed_line.answer_id
    ))
    WITH CHECK (EXISTS (
        SELECT FROM answer
        WHERE answer.household_id = own_household() AND answer.answer_id = disputed_line.answer_id AND answer.kind = 'dispute'
    ) AND EXISTS (
        SELECT FROM reported_hours AS reported
        WHERE reported.household_id = own_household() AND reported.organisation_id = disputed_line.organisation_id
            AND reported.delivery_id = disputed_line.delivery_id AND reported.line_number = disputed_line.line_number
    ));
CREATE POLICY disputed_line_of_organisation ON disputed_line FOR SELECT TO kot_organisation USING (organisation_id = own_organisation());
-- A vendor reads of what it sent itself, while the mandate lasts, as it reads the lines.
CREATE POLICY disputed_line_of_sender ON disputed_line AS RESTRICTIVE FOR SELECT TO kot_organisation
    USING (own_vendor() IS NULL OR (organisation_id, delivery_id) IN (SELECT delivery.organisation_id, delivery.delivery_id FROM delivery));
GRANT SELECT, INSERT, UPDATE (reason, note, changed_at, taken_back_at) ON disputed_line TO kot_parent;
GRANT SELECT (organisation_id, disputed_line_id, delivery_id, line_number, reason, note, disputed_at, changed_at, taken_back_at)
    ON disputed_line TO kot_organisation;
