-- migrate:up
-- As of: what was known at an instant can be read again, exactly as the judgement read it (ADR 0028).

-- The instant at which the judgement read its facts, by the clock of this server, that also gives facts their instants. It is read under
-- the lock of the household, under which its facts are written: what was recorded by then, and not yet superseded, is what was read.
ALTER TABLE difference ADD COLUMN facts_at timestamptz;
ALTER TABLE difference_version ADD COLUMN facts_at timestamptz;
COMMENT ON COLUMN difference.facts_at IS 'The instant at which its facts were read: it was judged from what was known then';
COMMENT ON COLUMN difference_version.facts_at IS 'As in difference';
ALTER TABLE difference NO FORCE ROW LEVEL SECURITY;
ALTER TABLE difference_version NO FORCE ROW LEVEL SECURITY;
-- Until now a version was first kept in the transaction, and under the lock, in which it was judged.
UPDATE difference_version AS kept
SET facts_at = (
    SELECT min(first.recorded_at)
    FROM difference_version AS first
    WHERE first.household_id = kept.household_id AND first.difference_id = kept.difference_id AND first.judged_at = kept.judged_at
);
UPDATE difference
SET facts_at = coalesce((
    SELECT min(first.recorded_at)
    FROM difference_version AS first
    WHERE first.household_id = difference.household_id AND first.difference_id = difference.difference_id
        AND first.judged_at = difference.judged_at
), difference.opened_at);
ALTER TABLE difference FORCE ROW LEVEL SECURITY;
ALTER TABLE difference_version FORCE ROW LEVEL SECURITY;
ALTER TABLE difference ALTER COLUMN facts_at SET NOT NULL;
ALTER TABLE difference_version ALTER COLUMN facts_at SET NOT NULL;

-- When each declaration was taken over: the household keeps that of the newest alone.
CREATE TABLE declaration (
    household_id uuid NOT NULL,
    declaration_version bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT declaration_pkey PRIMARY KEY (household_id, declaration_version),
    CONSTRAINT declaration_household_fkey FOREIGN KEY (household_id) REFERENCES household
);
COMMENT ON TABLE declaration IS 'Each declaration of TVS that was taken over; what it states stands in the facts';
COMMENT ON COLUMN declaration.household_id IS 'The household';
COMMENT ON COLUMN declaration.declaration_version IS 'Its version, as TVS numbers it';
COMMENT ON COLUMN declaration.recorded_at IS 'When it was taken over';
-- Of earlier ones the audit knows the instant within the transaction.
INSERT INTO declaration (household_id, declaration_version, recorded_at)
SELECT household_id, declaration_version, declared_at FROM household WHERE declared_at IS NOT NULL;
INSERT INTO declaration (household_id, declaration_version, recorded_at)
SELECT household_id, (event ->> 'declarationVersion')::bigint, recorded_at
FROM household_audit
WHERE event ->> 'action' = 'declared'
ON CONFLICT DO NOTHING;
ALTER TABLE declaration ENABLE ROW LEVEL SECURITY;
ALTER TABLE declaration FORCE ROW LEVEL SECURITY;
CREATE POLICY declaration_of_tvs ON declaration TO kot_tvs USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON declaration TO kot_tvs;

-- What is called complete once more, after a later statement was withdrawn, is a fact of its own: nothing that was superseded comes back.
ALTER TABLE completeness DROP CONSTRAINT completeness_pkey;
ALTER TABLE completeness ADD CONSTRAINT completeness_pkey PRIMARY KEY (organisation_id, lrk_number, month, delivery_id, recorded_at);
-- The location comes first, by which the judgement looks for what is current; the second index is for what was current once.
DROP INDEX completeness_by_location;
CREATE UNIQUE INDEX completeness_one_current ON completeness (lrk_number, month, organisation_id) WHERE superseded_at IS NULL;
CREATE INDEX completeness_by_location ON completeness (lrk_number, month);

-- Who explains reads facts and what was made of them, by no name and no BSN, and leaves a link in the audit of the household.
DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'household', 'household_audit', 'declaration', 'membership', 'income', 'awarded_year', 'placement', 'declared_placement',
        'declared_segment', 'overlay_segment', 'reported_hours', 'completeness', 'comparison_due', 'difference', 'difference_placement',
        'difference_version', 'acceptance', 'change', 'notice', 'push', 'outbox', 'delivery', 'line', 'rule_activation',
        'marking'
    ] LOOP
        EXECUTE format('CREATE POLICY %I ON %I FOR SELECT TO kot_explain USING (true)', table_name || '_of_explain', table_name);
    END LOOP;
END
$$;
CREATE POLICY household_locked_by_explain ON household FOR UPDATE TO kot_explain USING (true) WITH CHECK (true);
CREATE POLICY household_audit_by_explain ON household_audit FOR INSERT TO kot_explain WITH CHECK (true);
GRANT SELECT ON household, household_audit, declaration, income, awarded_year, placement, declared_placement, declared_segment,
    overlay_segment, reported_hours, completeness, comparison_due, difference, difference_placement, difference_version, acceptance,
    change, notice, push, organisation, location, rule_activation,
    marking TO kot_explain;
GRANT SELECT (household_id, membership_id, person_id, role, birth_date, from_month, until_month, recorded_at, superseded_at)
    ON membership TO kot_explain;
GRANT SELECT (household_id, kind, subject_id, push_id, state, done_at) ON outbox TO kot_explain;
GRANT SELECT (organisation_id, delivery_id, state, duplicate_of, lines_read, lines_done, applied_count, unchanged_count,
    superseded_count, parked_count, rejected_count) ON delivery TO kot_explain;
GRANT SELECT (organisation_id, delivery_id, line_number, outcome, superseded_at) ON line TO kot_explain;
GRANT INSERT ON household_audit TO kot_explain;
GRANT UPDATE (version, audit_number, audit_hash) ON household TO kot_explain;
GRANT SELECT ON missing_line TO kot_explain;
