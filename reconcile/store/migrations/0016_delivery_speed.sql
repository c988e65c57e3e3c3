-- migrate:up
-- Deliveries at the speed of the database: lines wait in the order in which they are applied, and no look-up goes by a slow index.

-- What forbids two facts at one time serves nothing else. Written over plain columns, the planner took it for look-ups by the second
-- column, and as a cheap list of what is current: both read the whole index. Written like this it cannot; a range that ends a day later
-- is the same range of months. The hash comes first because a tree of numbers is small and grows fast; the text behind it makes it exact.
ALTER TABLE membership DROP CONSTRAINT membership_one_at_a_time;
ALTER TABLE membership ADD CONSTRAINT membership_one_at_a_time EXCLUDE USING gist (
    hashtextextended(household_id::text || person_id::text, 0) WITH =,
    (household_id::text || person_id::text) WITH =,
    daterange(from_month, until_month + 1) WITH &&
) WHERE (coalesce(superseded_at, 'infinity') = 'infinity');
ALTER TABLE declared_segment DROP CONSTRAINT declared_segment_no_overlap;
ALTER TABLE declared_segment ADD CONSTRAINT declared_segment_no_overlap EXCLUDE USING gist (
    hashtextextended(household_id::text || placement_id::text, 0) WITH =,
    (household_id::text || placement_id::text) WITH =,
    daterange(from_month, until_month + 1) WITH &&
) WHERE (coalesce(superseded_at, 'infinity') = 'infinity');
ALTER TABLE overlay_segment DROP CONSTRAINT overlay_segment_no_overlap;
ALTER TABLE overlay_segment ADD CONSTRAINT overlay_segment_no_overlap EXCLUDE USING gist (
    hashtextextended(household_id::text || placement_id::text, 0) WITH =,
    (household_id::text || placement_id::text) WITH =,
    daterange(from_month, until_month + 1) WITH &&
) WHERE (coalesce(superseded_at, 'infinity') = 'infinity');
-- For the same reason this one is not limited to what is current: a household is looked up by its own key.
DROP INDEX membership_by_person;
CREATE INDEX membership_by_person ON membership (person_id);

-- The stage holds people instead of indexes, keeps the order of `place`, and is written once: what was applied is told by the delivery.
-- What stood in it is read again from the delivery.
DROP TABLE line_stage;
CREATE UNLOGGED TABLE line_stage (
    organisation_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    place bigint NOT NULL,
    line_number integer NOT NULL,
    line_ref text,
    faults jsonb,
    waits_for text,
    parent_id uuid,
    child_id uuid,
    lrk_number text,
    month date,
    hours_hundredths integer,
    hourly_rate_cents integer,
    amount_cents integer,
    end_on date,
    CONSTRAINT line_stage_pkey PRIMARY KEY (organisation_id, delivery_id, place, line_number)
);
COMMENT ON TABLE line_stage IS 'Lines between reading and applying; unlogged, rebuilt from the delivery when lost';
COMMENT ON COLUMN line_stage.organisation_id IS 'The organisation';
COMMENT ON COLUMN line_stage.delivery_id IS 'The delivery';
COMMENT ON COLUMN line_stage.place IS 'Order of applying: the lines of one parent follow each other, and those of one key stand at one place';
COMMENT ON COLUMN line_stage.line_number IS 'As in line';
COMMENT ON COLUMN line_stage.line_ref IS 'As in line';
COMMENT ON COLUMN line_stage.faults IS 'Faults of the line itself, the register''s included; empty when there are none';
COMMENT ON COLUMN line_stage.waits_for IS 'Code of a gap that the sender can fill';
COMMENT ON COLUMN line_stage.parent_id IS 'As in line';
COMMENT ON COLUMN line_stage.child_id IS 'As in line';
COMMENT ON COLUMN line_stage.lrk_number IS 'As in line';
COMMENT ON COLUMN line_stage.month IS 'As in line';
COMMENT ON COLUMN line_stage.hours_hundredths IS 'As in line';
COMMENT ON COLUMN line_stage.hourly_rate_cents IS 'As in line';
COMMENT ON COLUMN line_stage.amount_cents IS 'As in line';
COMMENT ON COLUMN line_stage.end_on IS 'As in line';
GRANT SELECT, INSERT, DELETE ON line_stage TO kot_intake;
ALTER TABLE delivery ADD COLUMN applied_until bigint;
COMMENT ON COLUMN delivery.applied_until IS 'Place in the stage up to which lines have their outcome; empty before the first';
