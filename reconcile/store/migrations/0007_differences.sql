-- migrate:up
-- What the judgement found, and the note that a child-year must be judged.

CREATE TABLE comparison_due (
    household_id uuid NOT NULL,
    child_id uuid NOT NULL,
    year smallint NOT NULL,
    marked_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    due_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    attempts integer NOT NULL DEFAULT 0,
    last_error text,
    CONSTRAINT comparison_due_pkey PRIMARY KEY (household_id, child_id, year),
    CONSTRAINT comparison_due_household_fkey FOREIGN KEY (household_id) REFERENCES household
);
COMMENT ON TABLE comparison_due IS 'Child-years that were touched and are unequal, or have an open difference: to be judged';
COMMENT ON COLUMN comparison_due.household_id IS 'The household';
COMMENT ON COLUMN comparison_due.child_id IS 'The child';
COMMENT ON COLUMN comparison_due.year IS 'Calculation year';
COMMENT ON COLUMN comparison_due.marked_at IS 'Since when it waits';
COMMENT ON COLUMN comparison_due.due_at IS 'Not to be judged before';
COMMENT ON COLUMN comparison_due.attempts IS 'Times that judging failed';
COMMENT ON COLUMN comparison_due.last_error IS 'Class of the error of the last failure';
CREATE INDEX comparison_due_by_time ON comparison_due (due_at);

CREATE TABLE difference (
    household_id uuid NOT NULL,
    difference_id uuid NOT NULL DEFAULT gen_random_uuid(),
    version bigint NOT NULL,
    deleted boolean NOT NULL DEFAULT false,
    child_id uuid NOT NULL,
    year smallint NOT NULL,
    kind text NOT NULL,
    state text NOT NULL DEFAULT 'open',
    facts_hash bytea NOT NULL,
    content_hash bytea NOT NULL,
    proposal jsonb,
    route text,
    explanation jsonb NOT NULL,
    effect jsonb NOT NULL,
    rules_version text NOT NULL,
    judged_at timestamptz NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    closed_at timestamptz,
    CONSTRAINT difference_pkey PRIMARY KEY (household_id, difference_id),
    CONSTRAINT difference_household_fkey FOREIGN KEY (household_id) REFERENCES household,
    CONSTRAINT difference_kind_form CHECK (kind ~ '^D[0-9]{2}$'),
    CONSTRAINT difference_state_known CHECK (state IN ('open', 'accepted', 'disputed', 'postponed', 'closed')),
    CONSTRAINT difference_tap_or_route CHECK ((proposal IS NULL) = (route IS NOT NULL)),
    CONSTRAINT difference_closed_when CHECK ((state = 'open') = (closed_at IS NULL))
);
COMMENT ON TABLE difference IS 'A difference (verschil) between reported and declared hours, as it stands now';
COMMENT ON COLUMN difference.household_id IS 'The household';
COMMENT ON COLUMN difference.difference_id IS 'Number of the difference; it stays when the facts change';
COMMENT ON COLUMN difference.version IS 'Version of the household at which it last changed; an answer names the version that the parent saw';
COMMENT ON COLUMN difference.deleted IS 'No longer shown: a tombstone for phones';
COMMENT ON COLUMN difference.child_id IS 'The child';
COMMENT ON COLUMN difference.year IS 'Calculation year';
COMMENT ON COLUMN difference.kind IS 'Kind, D01 and on';
COMMENT ON COLUMN difference.state IS 'open, accepted, disputed, postponed or closed';
COMMENT ON COLUMN difference.facts_hash IS 'SHA-256 over the values it was judged from: once answered, the same values never open again';
COMMENT ON COLUMN difference.content_hash IS 'SHA-256 over what the parent would see: a new version only when it differs';
COMMENT ON COLUMN difference.proposal IS 'What one tap would declare, empty when there is no tap';
COMMENT ON COLUMN difference.route IS 'Why there is no tap and what to do instead';
COMMENT ON COLUMN difference.explanation IS 'Where each number comes from';
COMMENT ON COLUMN difference.effect IS 'What it means in euros, or why that cannot be said';
COMMENT ON COLUMN difference.rules_version IS 'Version of rules, tolerance and tables';
COMMENT ON COLUMN difference.judged_at IS 'The instant it was judged for';
COMMENT ON COLUMN difference.opened_at IS 'When it was first found';
COMMENT ON COLUMN difference.closed_at IS 'When it was answered or settled';
CREATE INDEX difference_by_version ON difference (household_id, version);
CREATE INDEX difference_by_child ON difference (household_id, child_id, year);

CREATE TABLE difference_placement (
    household_id uuid NOT NULL,
    difference_id uuid NOT NULL,
    placement_id uuid NOT NULL,
    year smallint NOT NULL,
    is_open boolean NOT NULL,
    CONSTRAINT difference_placement_pkey PRIMARY KEY (household_id, difference_id, placement_id),
    CONSTRAINT difference_placement_difference_fkey FOREIGN KEY (household_id, difference_id) REFERENCES difference,
    CONSTRAINT difference_placement_placement_fkey FOREIGN KEY (household_id, placement_id) REFERENCES placement
);
COMMENT ON TABLE difference_placement IS 'The placement that a difference spans, or the two of a move';
COMMENT ON COLUMN difference_placement.household_id IS 'The household';
COMMENT ON COLUMN difference_placement.difference_id IS 'The difference';
COMMENT ON COLUMN difference_placement.placement_id IS 'The placement';
COMMENT ON COLUMN difference_placement.year IS 'Calculation year';
COMMENT ON COLUMN difference_placement.is_open IS 'Whether the difference is open';
CREATE UNIQUE INDEX difference_placement_one_open ON difference_placement (household_id, placement_id, year) WHERE is_open;
CREATE INDEX difference_placement_by_placement ON difference_placement (household_id, placement_id);

CREATE TABLE difference_version (
    household_id uuid NOT NULL,
    difference_id uuid NOT NULL,
    version bigint NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    proposal jsonb,
    route text,
    explanation jsonb NOT NULL,
    effect jsonb NOT NULL,
    rules_version text NOT NULL,
    judged_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT difference_version_pkey PRIMARY KEY (household_id, difference_id, version),
    CONSTRAINT difference_version_difference_fkey FOREIGN KEY (household_id, difference_id) REFERENCES difference
);
COMMENT ON TABLE difference_version IS 'Every version of a difference as it was shown; never altered';
COMMENT ON COLUMN difference_version.household_id IS 'The household';
COMMENT ON COLUMN difference_version.difference_id IS 'The difference';
COMMENT ON COLUMN difference_version.version IS 'Its version';
COMMENT ON COLUMN difference_version.kind IS 'As in difference';
COMMENT ON COLUMN difference_version.state IS 'As in difference';
COMMENT ON COLUMN difference_version.proposal IS 'As in difference';
COMMENT ON COLUMN difference_version.route IS 'As in difference';
COMMENT ON COLUMN difference_version.explanation IS 'As in difference';
COMMENT ON COLUMN difference_version.effect IS 'As in difference';
COMMENT ON COLUMN difference_version.rules_version IS 'As in difference';
COMMENT ON COLUMN difference_version.judged_at IS 'As in difference';
COMMENT ON COLUMN difference_version.recorded_at IS 'When this version came to be';

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['comparison_due', 'difference', 'difference_placement', 'difference_version'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY %I ON %I TO kot_parent USING (household_id = own_household()) WITH CHECK (household_id = own_household())',
            table_name || '_of_parent', table_name);
        EXECUTE format('CREATE POLICY %I ON %I TO kot_tvs USING (true) WITH CHECK (true)', table_name || '_of_tvs', table_name);
        EXECUTE format('CREATE POLICY %I ON %I TO kot_intake USING (true) WITH CHECK (true)', table_name || '_of_intake', table_name);
        EXECUTE format('GRANT SELECT ON %I TO kot_parent, kot_tvs, kot_intake', table_name);
    END LOOP;
END
$$;
GRANT INSERT, UPDATE (marked_at, due_at) ON comparison_due TO kot_tvs, kot_intake, kot_parent;
GRANT UPDATE (attempts, last_error), DELETE ON comparison_due TO kot_intake;
GRANT INSERT, UPDATE ON difference TO kot_intake;
GRANT INSERT, UPDATE (is_open), DELETE ON difference_placement TO kot_intake;
GRANT UPDATE (version, state, closed_at) ON difference TO kot_parent, kot_tvs;
GRANT UPDATE (is_open) ON difference_placement TO kot_parent, kot_tvs;
GRANT INSERT ON difference_version TO kot_intake, kot_parent, kot_tvs;
