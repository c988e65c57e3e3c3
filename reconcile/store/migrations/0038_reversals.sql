-- migrate:up
-- A change can be undone by a parent: before anybody began to send it, it is never sent; later another change follows (ADR 0034).

ALTER TABLE change
    DROP CONSTRAINT change_state_known,
    ADD CONSTRAINT change_state_known CHECK (state IN ('staged', 'sent', 'processed', 'refused', 'dead', 'reversed')),
    ADD CONSTRAINT change_reversed_when CHECK (state <> 'reversed' OR settled_at IS NOT NULL);
COMMENT ON COLUMN change.state IS 'staged, sent, then processed, refused or dead; reversed: undone, and not sent any more';
COMMENT ON COLUMN change.placements IS 'Placements with the segments to declare, as the parent accepted them or as they stood before';
COMMENT ON COLUMN change.recorded_at IS 'When the parent accepted, or undid';
COMMENT ON COLUMN change.settled_at IS 'When TVS processed or refused it, it was given up, or the parent undid it';
ALTER TABLE change NO FORCE ROW LEVEL SECURITY;
UPDATE change
SET placements = (
    SELECT jsonb_agg(placement || '{"undeclared": [], "endUndone": false}' ORDER BY number)
    FROM jsonb_array_elements(placements) WITH ORDINALITY AS said (placement, number)
);
ALTER TABLE change FORCE ROW LEVEL SECURITY;

-- What was undone of new care lies over the declared hours as nothing at all.
ALTER TABLE overlay_segment
    ALTER COLUMN hours_hundredths DROP NOT NULL,
    ALTER COLUMN hourly_rate_cents DROP NOT NULL,
    ADD CONSTRAINT overlay_segment_hours_with_rate CHECK ((hours_hundredths IS NULL) = (hourly_rate_cents IS NULL));
COMMENT ON TABLE overlay_segment IS 'What a parent accepted or undid and TVS has not processed yet: it lies over the declared hours';
COMMENT ON COLUMN overlay_segment.hours_hundredths IS 'Hours a month, whole hundredths; empty: nothing counts as declared';
COMMENT ON COLUMN overlay_segment.hourly_rate_cents IS 'Gross hourly rate, cents; empty with the hours';

-- A parent may take away the obligation to send a change only as long as nobody claimed it, or when it is dead.
DROP POLICY outbox_parent_cancels_pushes ON outbox;
CREATE POLICY outbox_parent_cancels ON outbox AS RESTRICTIVE FOR UPDATE TO kot_parent
    USING (kind = 'push' OR attempts = 0 OR state = 'dead') WITH CHECK (state = 'cancelled');
GRANT UPDATE (version, state, settled_at) ON change TO kot_parent;
CREATE POLICY change_parent_reverses ON change AS RESTRICTIVE FOR UPDATE TO kot_parent USING (true) WITH CHECK (state = 'reversed');
-- When what stood before a change was declared.
CREATE POLICY declaration_of_parent ON declaration FOR SELECT TO kot_parent USING (household_id = own_household());
GRANT SELECT ON declaration TO kot_parent;
-- A reversal that TVS refuses is over, and the acceptance stands again.
GRANT UPDATE (version, ended_at) ON answer TO kot_tvs;
