-- migrate:up
-- What a pull and a tap need of the store (ADR 0029).

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

-- Whose memberships a login may see before its household is settled. Not part of the statement, as a subquery in the policy would be:
-- it would be made ready for every page twice and never be run, a third of what the page costs.
CREATE FUNCTION own_person() RETURNS uuid LANGUAGE sql STABLE
    RETURN (SELECT login.person_id FROM login);
COMMENT ON FUNCTION own_person IS 'The person of the login in whose context this transaction acts, or nothing';

ALTER POLICY membership_of_parent ON membership USING (
    household_id = own_household() OR (role IN ('applicant', 'partner') AND person_id = own_person())
);
