-- migrate:up
-- What a complete month makes of a missing line: the one case in which silence means something.

CREATE VIEW missing_line WITH (security_invoker = true) AS
SELECT DISTINCT placement.household_id, placement.child_id, extract(year FROM complete.month)::smallint AS year,
    complete.organisation_id, complete.delivery_id
FROM completeness AS complete
JOIN placement USING (lrk_number)
JOIN declared_segment AS declared
    ON declared.household_id = placement.household_id AND declared.placement_id = placement.placement_id
    AND declared.superseded_at IS NULL AND declared.hours_hundredths > 0
    AND declared.from_month <= complete.month AND (declared.until_month IS NULL OR declared.until_month >= complete.month)
WHERE complete.superseded_at IS NULL
    AND NOT EXISTS (
        SELECT FROM reported_hours AS reported
        WHERE reported.household_id = placement.household_id AND reported.placement_id = placement.placement_id
            AND reported.month = complete.month AND reported.superseded_at IS NULL
    );
COMMENT ON VIEW missing_line IS 'Child-years with declared care in a month that was called complete, and no line for it';
COMMENT ON COLUMN missing_line.household_id IS 'The household';
COMMENT ON COLUMN missing_line.child_id IS 'The child';
COMMENT ON COLUMN missing_line.year IS 'Calculation year of the month';
COMMENT ON COLUMN missing_line.organisation_id IS 'Who called the month complete';
COMMENT ON COLUMN missing_line.delivery_id IS 'In which delivery';

-- A declaration that comes after the complete month finds the missing line as well.
CREATE POLICY completeness_of_tvs ON completeness FOR SELECT TO kot_tvs USING (true);
GRANT SELECT ON completeness TO kot_tvs;
GRANT SELECT ON missing_line TO kot_tvs, kot_intake;
