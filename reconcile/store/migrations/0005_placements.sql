-- migrate:up
-- A placement is one child of one household at one location. What TVS declared, what a parent accepted and what the
-- organisation reported all hang on it, each as facts in time.

CREATE TABLE placement (
    household_id uuid NOT NULL,
    placement_id uuid NOT NULL DEFAULT gen_random_uuid(),
    child_id uuid NOT NULL,
    lrk_number text NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL DEFAULT false,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT placement_pkey PRIMARY KEY (household_id, placement_id),
    CONSTRAINT placement_once UNIQUE (household_id, child_id, lrk_number),
    CONSTRAINT placement_household_fkey FOREIGN KEY (household_id) REFERENCES household,
    CONSTRAINT placement_location_fkey FOREIGN KEY (lrk_number) REFERENCES location
);
COMMENT ON TABLE placement IS 'One child of one household at one location (plaatsing)';
COMMENT ON COLUMN placement.household_id IS 'The household';
COMMENT ON COLUMN placement.placement_id IS 'Number of the placement';
COMMENT ON COLUMN placement.child_id IS 'The child, a person';
COMMENT ON COLUMN placement.lrk_number IS 'The location';
COMMENT ON COLUMN placement.version IS 'Version of the household at which the placement or anything below it last changed';
COMMENT ON COLUMN placement.deleted IS 'Nothing is declared or reported any more: a tombstone for phones';
COMMENT ON COLUMN placement.recorded_at IS 'When it was first declared or reported';
CREATE INDEX placement_by_version ON placement (household_id, version);
CREATE INDEX placement_by_location ON placement (lrk_number);

CREATE TABLE declared_placement (
    household_id uuid NOT NULL,
    placement_id uuid NOT NULL,
    start_on date,
    end_on date,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    superseded_at timestamptz,
    CONSTRAINT declared_placement_pkey PRIMARY KEY (household_id, placement_id, recorded_at),
    CONSTRAINT declared_placement_placement_fkey FOREIGN KEY (household_id, placement_id) REFERENCES placement
);
COMMENT ON TABLE declared_placement IS 'That TVS has this placement, with its first and last day';
COMMENT ON COLUMN declared_placement.household_id IS 'The household';
COMMENT ON COLUMN declared_placement.placement_id IS 'The placement';
COMMENT ON COLUMN declared_placement.start_on IS 'First day of care, when given';
COMMENT ON COLUMN declared_placement.end_on IS 'Last day of care, when given';
COMMENT ON COLUMN declared_placement.recorded_at IS 'Known since';
COMMENT ON COLUMN declared_placement.superseded_at IS 'Known until, empty while it is current';
CREATE UNIQUE INDEX declared_placement_one_current ON declared_placement (household_id, placement_id) WHERE superseded_at IS NULL;

CREATE TABLE declared_segment (
    household_id uuid NOT NULL,
    placement_id uuid NOT NULL,
    segment_id uuid NOT NULL DEFAULT gen_random_uuid(),
    from_month date NOT NULL,
    until_month date,
    hours_hundredths integer NOT NULL,
    hourly_rate_cents integer NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    superseded_at timestamptz,
    CONSTRAINT declared_segment_pkey PRIMARY KEY (household_id, placement_id, segment_id),
    CONSTRAINT declared_segment_placement_fkey FOREIGN KEY (household_id, placement_id) REFERENCES placement,
    CONSTRAINT declared_segment_from_is_month CHECK (extract(day FROM from_month) = 1),
    CONSTRAINT declared_segment_until_is_month CHECK (extract(day FROM until_month) = 1 AND until_month >= from_month),
    CONSTRAINT declared_segment_hours_in_month CHECK (hours_hundredths BETWEEN 0 AND 74400),
    CONSTRAINT declared_segment_rate_positive CHECK (hourly_rate_cents >= 0),
    CONSTRAINT declared_segment_no_overlap EXCLUDE USING gist (
        household_id WITH =, placement_id WITH =, daterange(from_month, until_month, '[]') WITH &&
    ) WHERE (superseded_at IS NULL)
);
COMMENT ON TABLE declared_segment IS 'Declared hours (opgegeven uren): a standing average a month over whole months; only declarations write it';
COMMENT ON COLUMN declared_segment.household_id IS 'The household';
COMMENT ON COLUMN declared_segment.placement_id IS 'The placement';
COMMENT ON COLUMN declared_segment.segment_id IS 'Number of this fact';
COMMENT ON COLUMN declared_segment.from_month IS 'First month';
COMMENT ON COLUMN declared_segment.until_month IS 'Last month, empty when it runs on';
COMMENT ON COLUMN declared_segment.hours_hundredths IS 'Hours a month, whole hundredths';
COMMENT ON COLUMN declared_segment.hourly_rate_cents IS 'Gross hourly rate, cents';
COMMENT ON COLUMN declared_segment.recorded_at IS 'Known since';
COMMENT ON COLUMN declared_segment.superseded_at IS 'Known until, empty while it is current';

CREATE TABLE overlay_segment (
    household_id uuid NOT NULL,
    placement_id uuid NOT NULL,
    segment_id uuid NOT NULL DEFAULT gen_random_uuid(),
    change_id uuid NOT NULL,
    from_month date NOT NULL,
    until_month date,
    hours_hundredths integer NOT NULL,
    hourly_rate_cents integer NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    superseded_at timestamptz,
    CONSTRAINT overlay_segment_pkey PRIMARY KEY (household_id, placement_id, segment_id),
    CONSTRAINT overlay_segment_placement_fkey FOREIGN KEY (household_id, placement_id) REFERENCES placement,
    CONSTRAINT overlay_segment_from_is_month CHECK (extract(day FROM from_month) = 1),
    CONSTRAINT overlay_segment_until_is_month CHECK (extract(day FROM until_month) = 1 AND until_month >= from_month),
    CONSTRAINT overlay_segment_hours_in_month CHECK (hours_hundredths BETWEEN 0 AND 74400),
    CONSTRAINT overlay_segment_rate_positive CHECK (hourly_rate_cents >= 0),
    CONSTRAINT overlay_segment_no_overlap EXCLUDE USING gist (
        household_id WITH =, placement_id WITH =, daterange(from_month, until_month, '[]') WITH &&
    ) WHERE (superseded_at IS NULL)
);
COMMENT ON TABLE overlay_segment IS 'What a parent accepted and TVS has not processed yet: it lies over the declared hours';
COMMENT ON COLUMN overlay_segment.household_id IS 'The household';
COMMENT ON COLUMN overlay_segment.placement_id IS 'The placement';
COMMENT ON COLUMN overlay_segment.segment_id IS 'Number of this fact';
COMMENT ON COLUMN overlay_segment.change_id IS 'The change that carries it to TVS';
COMMENT ON COLUMN overlay_segment.from_month IS 'First month';
COMMENT ON COLUMN overlay_segment.until_month IS 'Last month, empty when it runs on';
COMMENT ON COLUMN overlay_segment.hours_hundredths IS 'Hours a month, whole hundredths';
COMMENT ON COLUMN overlay_segment.hourly_rate_cents IS 'Gross hourly rate, cents';
COMMENT ON COLUMN overlay_segment.recorded_at IS 'Known since';
COMMENT ON COLUMN overlay_segment.superseded_at IS 'Known until, empty while it is current';
CREATE INDEX overlay_segment_by_change ON overlay_segment (household_id, change_id) WHERE superseded_at IS NULL;

CREATE TABLE reported_hours (
    household_id uuid NOT NULL,
    placement_id uuid NOT NULL,
    month date NOT NULL,
    organisation_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    line_number integer NOT NULL,
    hours_hundredths integer NOT NULL,
    hourly_rate_cents integer NOT NULL,
    end_on date,
    sent_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    superseded_at timestamptz,
    CONSTRAINT reported_hours_pkey PRIMARY KEY (household_id, placement_id, month, delivery_id, line_number, recorded_at),
    CONSTRAINT reported_hours_placement_fkey FOREIGN KEY (household_id, placement_id) REFERENCES placement,
    CONSTRAINT reported_hours_month_is_month CHECK (extract(day FROM month) = 1),
    CONSTRAINT reported_hours_in_month CHECK (hours_hundredths BETWEEN 0 AND 74400),
    CONSTRAINT reported_hours_rate_positive CHECK (hourly_rate_cents >= 0)
);
COMMENT ON TABLE reported_hours IS 'Reported hours (geleverde uren): what the organisation billed for one month; every version is kept, one is current';
COMMENT ON COLUMN reported_hours.household_id IS 'The household';
COMMENT ON COLUMN reported_hours.placement_id IS 'The placement';
COMMENT ON COLUMN reported_hours.month IS 'The month';
COMMENT ON COLUMN reported_hours.organisation_id IS 'Who reported it';
COMMENT ON COLUMN reported_hours.delivery_id IS 'In which delivery';
COMMENT ON COLUMN reported_hours.line_number IS 'On which line of it';
COMMENT ON COLUMN reported_hours.hours_hundredths IS 'Hours of the month, whole hundredths';
COMMENT ON COLUMN reported_hours.hourly_rate_cents IS 'Average hourly rate of the month, cents';
COMMENT ON COLUMN reported_hours.end_on IS 'Last day of the agreement, when the organisation gave one';
COMMENT ON COLUMN reported_hours.sent_at IS 'When the sender made the delivery: with received_at and delivery_id it says which version is newer';
COMMENT ON COLUMN reported_hours.received_at IS 'When the delivery landed here';
COMMENT ON COLUMN reported_hours.recorded_at IS 'Known since';
COMMENT ON COLUMN reported_hours.superseded_at IS 'Known until, empty while it is current';
CREATE UNIQUE INDEX reported_hours_one_current ON reported_hours (household_id, placement_id, month) WHERE superseded_at IS NULL;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['placement', 'declared_placement', 'declared_segment', 'overlay_segment', 'reported_hours'] LOOP
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
-- Who writes what: declarations only the declared, the parent only the overlay, intake only the reported.
GRANT INSERT, UPDATE (version, deleted) ON placement TO kot_tvs, kot_intake;
GRANT UPDATE (version, deleted) ON placement TO kot_parent;
GRANT INSERT, UPDATE (superseded_at) ON declared_placement, declared_segment TO kot_tvs;
GRANT INSERT, UPDATE (superseded_at) ON overlay_segment TO kot_parent;
GRANT UPDATE (superseded_at) ON overlay_segment TO kot_tvs;
-- A declaration brings lines home that were waiting for the household, or lets go of those that no longer match.
GRANT INSERT, UPDATE (superseded_at) ON reported_hours TO kot_intake, kot_tvs;
