-- migrate:up
-- What phones follow is written as JSON where it is read. Each is one expression, which the planner puts in the place of the call.

CREATE FUNCTION decimal_text(hundredths integer) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN round(hundredths / 100.0, 2)::text;
COMMENT ON FUNCTION decimal_text IS 'Hundredths as the API says them: with two decimals';

CREATE FUNCTION instant_text(instant timestamptz) RETURNS text LANGUAGE sql STABLE
    RETURN replace(to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z');
COMMENT ON FUNCTION instant_text IS 'An instant as the API says it: UTC, to the microsecond, which is left out when it is a whole second';

-- In the place of a table it is put into the statement as a view would be, with the households that are asked for.
CREATE FUNCTION reported_child_years(household_ids uuid[]) RETURNS TABLE (household_id uuid, child_id uuid, year smallint)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT placement.household_id, placement.child_id, extract(year FROM reported.month)::smallint
    FROM placement
    JOIN reported_hours AS reported USING (household_id, placement_id)
    WHERE placement.household_id = ANY (household_ids)
    UNION
    SELECT difference.household_id, difference.child_id, difference.year
    FROM difference
    WHERE difference.household_id = ANY (household_ids) AND difference.state = 'open';
END;
COMMENT ON FUNCTION reported_child_years IS 'Every child-year of these households that has a report or an open difference';
