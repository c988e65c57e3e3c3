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
